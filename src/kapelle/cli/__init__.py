"""The terminal: `main` (commands and exit codes), `session` (options every command shares), one module per group of
commands, `live` (a run as it happens), `report` (a run as text or JSON)."""
