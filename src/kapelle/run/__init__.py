"""The doing: `model` (RunRecord, StepResult, Event), `frontier` (what may start; pure), `bind` (references to values),
`walk` (the loop), `telling` (what happened, as data), `perform` (step kind to capability), `write_answer`, `judge`,
`checkpoint` (the port; `checkpoint_memory`, `checkpoint_database`), `engine` (the port), `engine_inline`, `durable`
(the engine on DBOS, its only importer), `leases`, `rows` (the statements), `approval`."""
