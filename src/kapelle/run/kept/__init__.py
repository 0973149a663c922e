"""What is kept, and for how long: `sessions` (state over runs) with its rows and its two stores, `retention` (what may
go), `purge` and `purge_rows` (archived, then deleted)."""
