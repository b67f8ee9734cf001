"""Write changed items into tables of items, by the job's way and by MERGE INTO, and count what it took.

It runs in place of the job's script (`tests/spark/merge_measure.py`), with the job's packages and arguments
and one more: `--step`, JSON. `{"fill": items, "buckets": …, "columns": […], "tables": {way: name}}` creates a
table per way. With `"change": every, "number": …, "items": …` instead of `fill`, one of `every` items gets a
new state in each of them. The last line of the log is the answer, by way.
"""

import json
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from settle import arguments
from settle.items import named, packed, persisted, statement, unpacked
from settle.session import CATALOG, open_session
from settle.tables import Table

from settled.names import LEANS, TIES

MERGE_ON_READ = "MERGE INTO"
_TICKS = os.sysconf("SC_CLK_TCK")


def rows(session: Any, columns: list[str], ids: range, number: int) -> Any:
    """Items in their state after so many changes. The note, 264 random characters, hardly compresses."""
    part = f"base64(unhex(sha2(concat(id, '-', i, '-{number}'), 256)))"
    made = {
        "change_table": "'orders'",
        "change_key": "concat('{\"pk\":{\"S\":\"order-', lpad(id, 9, '0'), '\"}}')",
        "change_time": f"'2026-11-20T{number:02}:00:00.000000Z'",
        "change_type": "'INSERT'" if not number else "'MODIFY'",
        "change_before": f"md5(concat(id, '-', {number - 1}))" if number else "CAST(NULL AS string)",
        "change_after": f"md5(concat(id, '-', {number}))",
        "change_sequence": f"lpad(concat({number}, lpad(id, 12, '0')), 56, '4')",
        "change_id": f"md5(concat('change-', id, '-', {number}))",
        "dt": "'2026-11-20'",
        "pk": "concat('order-', lpad(id, 9, '0'))",
        "status": f"element_at(array('new', 'paid', 'packed', 'sent', 'done'), int((id + {number}) % 5) + 1)",
        "note": f"concat_ws('', transform(sequence(1, 6), i -> {part}))",
    }
    frame = session.range(ids.start, ids.stop, ids.step).selectExpr(
        *(f"{made.get(name, 'CAST(NULL AS string)')} AS `{name}`" for name in columns),
        f"1L AS {TIES}",
        f"false AS {LEANS}",
    )
    return packed(frame, columns, (TIES, LEANS))


def fill(session: Any, given: arguments.Arguments, step: dict[str, Any]) -> dict[str, Any]:
    """Create the table of each way, and write all items."""
    columns, buckets = step["columns"], step["buckets"]
    answer = {}
    for way, name in step["tables"].items():
        table = Table(session, given.database, name)
        kinds = {**dict.fromkeys(columns, "string"), TIES: "bigint", LEANS: "boolean"}
        table.create(given.bucket, kinds, f"bucket({buckets}, change_key)", given.location)
        table.set_order(table.load(), "change_key")
        if way == MERGE_ON_READ:
            table.set_properties({"write.merge.mode": "merge-on-read"})
        content = rows(session, columns, range(step["fill"]), 0)
        answer[way] = measured(session, table, partial(table.replace_all, unpacked(content), None))
    return answer


def change(session: Any, given: arguments.Arguments, step: dict[str, Any]) -> dict[str, Any]:
    """Change one of so many items in each table. The new states are there before the time begins."""
    columns, every, number = step["columns"], step["change"], step["number"]
    answer = {}
    with persisted(rows(session, columns, range(number % every, step["items"], every), number)) as newest:
        named(newest, "newest").count()
        bucket = f"{CATALOG}.system.bucket({step['buckets']}, change_key)"
        touched = [row[0] for row in newest.selectExpr(f"{bucket} AS bucket").distinct().collect()]
        for way, name in step["tables"].items():
            table = Table(session, given.database, name)
            write = merge if way == MERGE_ON_READ else replace
            answer[way] = measured(session, table, partial(write, session, table, columns, touched, step))
    return answer


def replace(session: Any, table: Table, columns: list[str], touched: list[int], step: dict[str, Any]) -> None:
    """The job's way (`SettledItems._merge_fresh`): whole buckets, guarded."""
    base = table.load().current
    named(packed(table.at(base), columns, (TIES, LEANS)), "stored")
    listed = ", ".join(f"`{column}`" for column in session.table("newest").columns)
    content = session.sql(
        statement(
            "buckets",
            columns=listed,
            buckets=str(step["buckets"]),
            touched=", ".join(str(one) for one in sorted(touched)),
        )
    )
    table.replace_partitions(unpacked(content), base)


def merge(session: Any, table: Table, columns: list[str], *_: Any) -> None:
    """MERGE INTO; the table's property says merge-on-read."""
    named(unpacked(session.table("newest")), "source")
    every = [*columns, TIES, LEANS]
    session.sql(
        f"MERGE INTO {table.path} AS items USING source "
        "ON items.change_table = source.change_table AND items.change_key = source.change_key "
        f"WHEN MATCHED THEN UPDATE SET {', '.join(f'items.`{one}` = source.`{one}`' for one in every)} "
        f"WHEN NOT MATCHED THEN INSERT ({', '.join(f'`{one}`' for one in every)}) "
        f"VALUES ({', '.join(f'source.`{one}`' for one in every)})"
    )


def measured(session: Any, table: Table, work: Any) -> dict[str, Any]:
    """Seconds, seconds of the processors, bytes of the new files, and what a reader of all items reads."""
    started, used = time.monotonic(), processor_seconds(session)
    work()
    result: dict[str, Any] = {
        "seconds": time.monotonic() - started,
        "processor_seconds": processor_seconds(session) - used,
    }
    current = table.load().table.currentSnapshot()
    summary = dict(current.summary())
    result["written_bytes"] = int(summary.get("added-files-size", 0))
    result["written_files"] = int(summary.get("added-data-files", 0)) + int(
        summary.get("added-delete-files", 0)
    )
    files = session.sql(
        f"SELECT content, count(*), sum(file_size_in_bytes) FROM {table.path}.files GROUP BY content"
    ).collect()
    result["data_files"], result["data_bytes"] = next(
        ((int(n), int(size)) for content, n, size in files if not content), (0, 0)
    )
    result["delete_files"] = sum(int(n) for content, n, _ in files if content)
    result["delete_bytes"] = sum(int(size) for content, _, size in files if content)
    started, used = time.monotonic(), processor_seconds(session)
    session.table(table.path).write.format("noop").mode("overwrite").save()
    result["read_seconds"] = time.monotonic() - started
    result["read_processor_seconds"] = processor_seconds(session) - used
    return result


def processor_seconds(session: Any) -> float:
    """The seconds that Java has used of all processors."""
    fields = (
        Path(f"/proc/{session.sparkContext._gateway.proc.pid}/stat").read_text().rpartition(")")[2].split()
    )
    return (int(fields[11]) + int(fields[12])) / _TICKS


def main(words: list[str]) -> None:
    """One step."""
    given = arguments.read(words)
    step = json.loads(words[words.index("--step") + 1])
    session = open_session(given.location)
    answer = (fill if "fill" in step else change)(session, given, step)
    print(json.dumps(answer), file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
