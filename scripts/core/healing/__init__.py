"""Heal: changes that the stream lost become SNAPSHOT rows, from incremental exports.

`running` is one run. `window_exports` starts or finds the export of each window, `comparing` verifies one and
compares it with the lake, `remaining` finds the gaps that are left, and `planning` states what will happen.
"""
