"""What happens inside one step: `journal` and `journal_rows` (calls that are made once), `calls` (what a tool's loop
may do), `bridge` (from a tool's own thread), `deltas` (text as it is written)."""
