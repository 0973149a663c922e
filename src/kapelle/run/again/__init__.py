"""Rerun and fork: `cone` (what depends on a step), `rerun` (what is put aside, edited and done again), `rerun_rows` and
`rerun_memory` (in the database and in memory)."""
