"""Record and replay: `recording` and `recording_rows` (a run as one document), `recorded_order`, `replay` and
`replay_step` (walked against the present code), `divergence` (what differs), `shut` (the outside, meanwhile)."""
