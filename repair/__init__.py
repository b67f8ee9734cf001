"""Write rows beside the stream: backfill, heal, redrive and the repair of reconcile.

The verbs in `scripts/` and the Glue job in `glue/jobs/backfill/` use this package. It imports only
`transform_lambda` and never an AWS client: callers pass functions that read and write objects. Every row is
made by `transform_lambda`, and every object has a name that depends only on its source, so that a second run
writes the same objects again or finds that they exist. `restoration` goes the other
way: it rebuilds items from rows.
"""
