"""What a task asks, as typed conditions: kinds, severities, numbers, moments, roles, circumstances, wanted sources."""
