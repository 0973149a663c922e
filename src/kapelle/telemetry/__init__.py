"""What is told about the work: `redact` (secrets never leave), `logs` (structlog), `trace` (OpenTelemetry spans)."""
