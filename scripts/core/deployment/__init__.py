"""A deployment in five steps, one module each: prepare, plan, apply, verify, report.

`prepare` finds the account and the existing stack, `planning` sets every parameter, `apply` shows the change
set, asks, and executes it, `verify` checks the deployed code, `report` prints the result. Each step takes the
result of the one before.
"""
