"""One database: `engine` (open by URL: `engine_sqlite`, `engine_postgres`, `nul`), `dialect` (what differs in
statements), `tables` (every table), `version` and `migrate` (Alembic, applied at start), `commit` (the writing thread;
`transact_sqlite`, `transact_postgres`), `bell` (news between processes), `faults` and `health` (what is
wrong), `copy`."""
