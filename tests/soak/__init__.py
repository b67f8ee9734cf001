"""Checks the shipped views on a million changes: `python -m tests.soak`."""
