-- The rows of history_ and gaps_ with settled tables, and of current_ if the stored items observe another cut between two
-- roads: what is settled, and what may not be settled yet. A row that is in both does no harm: the views drop copies.
-- To fill in: the table, the source table, and the columns of each branch. Those that the settled table does not have
-- yet are NULL.
(
  SELECT ${unsettled}
  FROM unsettled_changes
  WHERE change_table = '${source}'
  UNION ALL
  SELECT ${changes}
  FROM ${changes_table}
  WHERE change_table = '${source}'
)
