"""Decisions: typed conditions of a task matched against typed facts, one module for each kind of question."""
