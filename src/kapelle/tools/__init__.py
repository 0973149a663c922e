"""What acts: `model` (Tool, ToolContext, Suspend), `decorator` (@tool), `registry`, `call`, `text` (built-in tools)."""
