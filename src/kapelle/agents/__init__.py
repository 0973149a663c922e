"""What thinks: `spec` (AgentSpec: a registered typed function)."""
