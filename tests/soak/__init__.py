"""The shipped views held to what they promise, over a million changes: `python -m tests.soak`."""
