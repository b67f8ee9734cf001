"""Generate parts of templates/consumer.yaml: the tables' columns, the named queries, the table's digest.

Each of athena/queries/*.sql becomes a named query. The digest changes with the table `changes`, so that a
stack update calls the catalog function.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from scripts.build.regions import filled
from scripts.build.sources import Sources
from scripts.build.table_columns import with_columns
from scripts.core.console import CommandError
from scripts.core.template import parse

PATH = "templates/consumer.yaml"
QUERIES = "athena/queries/*.sql"
_DIGEST = re.compile(r'^( +TableDefinition: )"[^"]*"', re.MULTILINE)


def generated(sources: Sources, path: str = PATH) -> str:
    """The template's text."""
    return consumer_text(with_columns(sources, path), shipped_queries(sources))


def shipped_queries(sources: Sources) -> dict[str, str]:
    """Name → SQL of every file in athena/queries/; the name is the file's."""
    return {PurePosixPath(path).stem: sources.text(path) for path in sources.paths(QUERIES)}


def consumer_text(text: str, queries: Mapping[str, str]) -> str:
    """consumer.yaml's text with current named queries and the table's current digest.

    `queries` maps a query's name to its SQL. Raises CommandError if the text has lost the marks for them.
    """
    named = "\n".join(_named_query(*query) for query in sorted(queries.items()))
    text = filled(text, "named queries", named, PATH)
    if not _DIGEST.search(text):
        raise CommandError(
            f"TableDefinition is missing in {PATH}",
            "Restore it from the last commit and run the command again.",
        )
    table = parse(text)["Resources"]["ChangesTable"]["Properties"]
    return _DIGEST.sub(rf'\g<1>"{digest(table)}"', text)


def digest(table: Any) -> str:
    """Twelve hex digits that change with the table's definition."""
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()[:12]


def _named_query(name: str, sql: str) -> str:
    """One AWS::Athena::NamedQuery. Its description is the comment at the beginning of the SQL."""
    about = " ".join(line[2:].strip() for line in _leading_comment(sql))
    body = "".join(f"      {line}".rstrip() + "\n" for line in sql.rstrip().splitlines())
    logical_id = "".join(word.capitalize() for word in re.split(r"\W|_", name)) + "Query"
    return (
        f"{logical_id}:\n"
        "  Type: AWS::Athena::NamedQuery\n"
        "  Properties:\n"
        f"    Name: {name}\n"
        f"    Description: {json.dumps(about, ensure_ascii=False)}\n"
        "    Database: !Ref LakeDatabase\n"
        "    WorkGroup: !Ref Workgroup\n"
        "    QueryString: |\n"
        f"{body}"
    )


def _leading_comment(sql: str) -> Iterator[str]:
    for line in sql.splitlines():
        if not line.startswith("--"):
            return
        yield line
