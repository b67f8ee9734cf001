"""Which statements only read: every kind that Athena has, and what could be taken for one."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scripts.core.statements import first_word, only_reads

READ = [
    "SELECT 1",
    "select 1;",
    "  \n\t SELECT 1 ; ; ",
    "-- DROP TABLE t\nSELECT 1",
    "/* DROP TABLE t; */ SELECT 1 -- ; DROP",
    "/***/SELECT 1",
    "\ufeffSELECT 1",
    "-- a\r\nSELECT 1\r\n",
    "(SELECT 1) UNION ALL (SELECT 2)",
    "((SELECT 1))",
    "SELECT ';', \"a;b\", 'it''s; INSERT' FROM t",
    "SELECT 'a' || '--' || '/*'",
    "VALUES 1, 2",
    "TABLE changes",
    "WITH a AS (SELECT 1) SELECT * FROM a",
    'WITH a (x, y) AS (SELECT 1, 2), "b" AS (VALUES (1)) TABLE a',
    "WITH RECURSIVE a (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a WHERE n < 4) SELECT n FROM a",
    "WITH recursive AS (SELECT 1) SELECT * FROM recursive",
    "WITH delete AS (SELECT 1) SELECT * FROM delete",
    "WITH a AS (WITH b AS (SELECT 1) SELECT * FROM b) SELECT * FROM a",
    "WITH a AS ((SELECT 1)) (SELECT * FROM a)",
    "SHOW TABLES IN d '.*'",
    "SHOW COLUMNS IN changes",
    "SHOW CREATE TABLE changes",
    "SHOW PARTITIONS changes",
    "SHOW TBLPROPERTIES changes",
    "DESCRIBE EXTENDED changes",
    "DESC changes",
    "DESCRIBE VIEW v",
    "DESCRIBE OUTPUT prepared",
    "EXPLAIN SELECT 1",
    "EXPLAIN (FORMAT JSON, TYPE LOGICAL) SELECT 1",
    "EXPLAIN (SELECT 1)",
    "EXPLAIN INSERT INTO t SELECT 1",
    "EXPLAIN ANALYZE SELECT 1",
    "EXPLAIN ANALYZE (FORMAT JSON) SELECT 1",
    "EXPLAIN ANALYZE VERBOSE WITH a AS (SELECT 1) SELECT * FROM a",
    "EXPLAIN ANALYZE (SELECT 1)",
]
OTHERS = [
    "",
    "-- nothing",
    ";",
    "INSERT INTO t SELECT 1",
    "INSERT INTO t VALUES (1)",
    "DELETE FROM t",
    "UPDATE t SET a = 1",
    "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE",
    "OPTIMIZE t REWRITE DATA USING BIN_PACK",
    "VACUUM t",
    "UNLOAD (SELECT 1) TO 's3://b/p/' WITH (format = 'JSON')",
    "PREPARE p FROM SELECT 1",
    "EXECUTE p USING 1",
    "EXECUTE IMMEDIATE 'SELECT 1'",
    "DEALLOCATE PREPARE p",
    "CREATE TABLE t AS SELECT 1",
    "CREATE EXTERNAL TABLE t (a int) LOCATION 's3://b/'",
    "CREATE OR REPLACE VIEW v AS SELECT 1",
    "CREATE DATABASE d",
    "DROP TABLE t",
    "DROP VIEW v",
    "ALTER TABLE t ADD COLUMNS (a int)",
    "MSCK REPAIR TABLE t",
    "CALL system.flush()",
    "SET SESSION a = 1",
    "USE d",
    "GRANT SELECT ON t TO u",
    "USING EXTERNAL FUNCTION f(a int) RETURNS int LAMBDA 'f' SELECT f(1)",
    "FROM t INSERT INTO s SELECT 1",
    "EXPLAIN ANALYZE INSERT INTO t SELECT 1",
    "EXPLAIN/**/ANALYZE/**/DELETE FROM t",
    "EXPLAIN (FORMAT JSON) ANALYZE DELETE FROM t",
    "EXPLAIN ANALYZE (FORMAT JSON) VERBOSE INSERT INTO t SELECT 1",
    "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
    "WITH a AS (SELECT 1), b AS (SELECT 2) DELETE FROM t",
    "WITH a AS (DELETE FROM t) SELECT 1",
    "WITH a AS (SELECT 1)",
    "WITH a AS (SELECT 1",
    "WITH FUNCTION f() RETURNS int RETURN 1 SELECT f()",
    "SELECT 1; DROP TABLE t",
    "SELECT 1;\n-- a\nDROP TABLE t",
    "SELECT '\\'; DROP TABLE t --'",
    "SELECT 'a",
    "SELECT 1 /* open",
    "/*/ SELECT 1",
    "/* /* */ SELECT 1 /* */ */ DROP TABLE t",
    "-- a\rDROP TABLE t\nSELECT 1",
    "-- a\rSELECT 1",
    "'SELECT' 1",
    '"SELECT" 1',
    "`SELECT` 1",
    "SELECTED 1",
    "SELEC 1",
    "1 SELECT",
    ") SELECT 1",
]


@pytest.mark.parametrize("sql", READ)
def test_a_reading_statement_is_recognised(sql: str) -> None:
    """Whatever stands around it."""
    assert only_reads(sql)


@pytest.mark.parametrize("sql", OTHERS)
def test_every_other_statement_counts_as_writing(sql: str) -> None:
    """What writes, what runs a statement that cannot be seen, and what is not understood."""
    assert not only_reads(sql)


WRITING = st.sampled_from(["INSERT INTO t SELECT 1", "DROP TABLE t", "UNLOAD (SELECT 1) TO 'x' WITH (a='b')"])
AROUND = st.lists(
    st.sampled_from(["-- SELECT\n", "/* SELECT */", "/**/", " ", "\r\n", "\ufeff", "(", "EXPLAIN ANALYZE "])
)


@given(AROUND, WRITING)
@example(["EXPLAIN ANALYZE ", "("], "DROP TABLE t")
def test_no_prefix_makes_a_writing_statement_read(around: list[str], writing: str) -> None:
    """Comments, blanks, parentheses, a mark, EXPLAIN ANALYZE: alone and in any order."""
    assert not only_reads("".join(around) + writing)


@given(st.text(st.sampled_from("'\"`-/*;()\n\r SELECTWIHAXPN,")))
def test_any_text_is_judged(sql: str) -> None:
    """An answer, never an exception; and a second statement that drops a table is never let through."""
    only_reads(sql)
    first_word(sql)
    assert not only_reads(f"DROP TABLE t {sql}")


def test_the_first_word_is_named() -> None:
    """Of the statement, not of a comment."""
    assert first_word("-- SELECT\n(insert into t") == "INSERT"
    assert first_word("'a'") == ""
    assert first_word("SELECT 'open") == ""
