"""Kapelle."""
