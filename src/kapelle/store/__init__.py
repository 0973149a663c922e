"""One database: `engine` (open by URL), `tables` (every table), `migrate` (Alembic, applied at start), `faults` (what went wrong)."""
