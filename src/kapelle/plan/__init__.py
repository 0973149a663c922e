"""What will be done: `model` (Plan and its steps), `reference` (Ref, Condition), `builder` (Steps), `strategies`,
`catalog`, `complete`, `validate`, `estimate`, `optimize`, `planner` (the port) and `planner_rules`, `draw`."""
