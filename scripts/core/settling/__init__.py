"""What commands do for a lake with settled tables, if they write rows into earlier days.

`option_stack` finds the stack, `unsettled_view` has the markers of reopened days and the view that shows
them, `reopening` is one command's marker, `runs` starts the job and waits for it, `writing` is one command's
use of these, and `backlog` states how far the tables are behind.
"""
