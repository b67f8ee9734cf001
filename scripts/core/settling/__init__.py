"""What commands do for a lake with settled tables, if they write rows into earlier days.

`option_stack` finds the stack, `reopening` lets the view read the days, `runs` starts the job and waits for
it, `writing` is one command's use of the three, and `backlog` states how far the tables are behind.
"""
