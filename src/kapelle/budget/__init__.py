"""What may be spent and what was: `model` (Budget, Usage)."""
