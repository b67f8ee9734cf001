"""The steps of `python -m scripts.reconcile`: read both sides, look again at what differs, report, repair."""
