"""A deployment in four steps, each readable alone: prepare, plan, apply, report.

`prepare` finds where the stack goes and what is there, `planning` settles every parameter, `apply` shows the
change set, asks and carries it out, `report` says what came of it. Each takes the result of the one before.
"""
