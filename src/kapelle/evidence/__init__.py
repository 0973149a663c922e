"""What is known: `model` (Document, Passage, Excerpt, Claim, Citation)."""
