"""One database: `engine` (open by URL), `tables` (every table), `version` and `migrate` (Alembic, applied at start),
`commit` (the writing thread), `faults` (what went wrong)."""
