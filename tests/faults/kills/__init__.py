"""Stateful processes of ours, killed for real: a child kills itself with SIGKILL at a named point.

`driver` forks the children and compares the ends; `disk` is the state that outlives them; each other module
is one process: its state, its real code over clients that keep their state on the disk, its points.
"""
