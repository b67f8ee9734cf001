"""What the tests of reading share: one list of items in every shape, and a source of a given content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scripts.put_items.errors import RecordError
from scripts.put_items.reading.source import Source
from scripts.put_items.table import Table

TABLE = Table("shop", "111111111111", "us-east-1", {"pk": "HASH"}, {"pk": "S"})
NUMBERED = Table(
    "films", "111111111111", "us-east-1", {"year": "HASH", "title": "RANGE"}, {"year": "N", "title": "S"}
)

ITEMS = [{"pk": {"S": "a"}, "n": {"N": "1.50"}}, {"pk": {"S": "b"}, "l": {"L": [{"S": "x"}]}}]
MODEL = {"ModelName": "m", "DataModel": [{"TableName": "Shop", "TableData": ITEMS}, {"TableName": "Empty"}]}
PLAIN = '[{"pk":"a","n":1.50},{"pk":"b","l":["x"]}]'
TYPED = [json.dumps(item) for item in ITEMS]

SHAPES = {
    "array.json": PLAIN,
    "spaced.json": "\ufeff\n [ " + PLAIN[1:-1].replace('},{"', '} ,\n\n {"') + " ] \n",
    "lines.jsonl": '{"pk":"a","n":1.50}\n{"pk":"b","l":["x"]}\n',
    "pretty.json": '{\n "pk": "a",\n "n": 1.50\n}\n{\n "pk": "b",\n "l": [\n "x"\n ]\n}',
    "typed-array.json": f"[{','.join(TYPED)}]",
    "typed-lines.json": "\n".join(TYPED),
    "export.json": "\n".join(f'{{"Item":{line}}}' for line in TYPED),
    "scan.json": json.dumps({"Items": ITEMS, "Count": 2, "ScannedCount": 2}),
    "batch.json": json.dumps({"Shop": [{"PutRequest": {"Item": item}} for item in ITEMS]}),
    "model.json": json.dumps(MODEL | {"DataModel": MODEL["DataModel"][:1]}),
    "cells.csv": 'pk,n:N,l:L\na,1.50,\nb,,"[""x""]"\n',
    "cells.tsv": 'pk\tn:N\tl:L\r\na\t1.50\t\r\nb\t\t"[""x""]"\r\n',
}


def source(path: Path, text: str | bytes, table: Table = TABLE, **options: Any) -> Source:
    """A source of a file with this content."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return Source(path, table, options.get("types", {}), options.get("model_table"))


def items(made: Source) -> list[Any]:
    """The items of a source, all of them good."""
    found = [item for _, item, _ in made.items()]
    assert not [item for item in found if isinstance(item, RecordError)]
    return found
