"""A deployment in four steps: prepare, plan, apply, report."""
