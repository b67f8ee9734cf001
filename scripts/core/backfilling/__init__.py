"""Backfill: the items that a table has already become SNAPSHOT rows of the lake.

`running` is one run. `source_table` describes the table, `option_stacks` finds where exports land, `exports`
starts or finds one and waits for it, `local` converts it in this process, `glue_job` has the job do it,
`scanning` reads a small table itself, `handover` checks that stream and rows meet without a gap, `planning`
chooses the engine and estimates the cost.
"""
