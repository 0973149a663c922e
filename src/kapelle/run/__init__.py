"""The doing: `model` (Run, StepResult, Event), `frontier` (what may start; pure), `bind` (references to values; pure),
`walk` (the loop), `perform` (step kind to capability), `checkpoint` (the port; `checkpoint_memory`, `checkpoint_database`),
`engine` (the port), `engine_inline`, `durable` (the engine on DBOS, its only importer), `leases`, `rows` (reading runs and events),
`approvals`."""
