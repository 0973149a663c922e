"""How failures are met: `classify` (which kind of error it is), `guarded` (the one place that retries)."""
