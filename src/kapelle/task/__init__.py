"""What was asked: `model` (Task, Checklist), `intake` (text, JSON, YAML to a Task), `features` (what kind it is)."""
