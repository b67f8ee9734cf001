"""What the tests of reading share: one list of items in every shape, and a source of a given content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scripts.put_items.errors import RecordError
from scripts.put_items.reading.dialect import Dialect
from scripts.put_items.reading.source import Source
from scripts.put_items.table import Table

TABLE = Table("shop", "111111111111", "us-east-1", {"pk": "HASH"}, {"pk": "S"})
NUMBERED = Table(
    "films", "111111111111", "us-east-1", {"year": "HASH", "title": "RANGE"}, {"year": "N", "title": "S"}
)

ITEMS: list[dict[str, Any]] = [
    {"pk": {"S": "a"}, "n": {"N": "1.50"}},
    {"pk": {"S": "b"}, "l": {"L": [{"S": "x"}]}},
]
MODEL: dict[str, Any] = {
    "ModelName": "m",
    "DataModel": [{"TableName": "Shop", "TableData": ITEMS}, {"TableName": "Empty"}],
}
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
    "get-item.json": "\n".join(
        json.dumps({"Item": item, "ConsumedCapacity": {"TableName": "Shop", "CapacityUnits": 0.5}})
        for item in ITEMS
    ),
    "page.json": json.dumps(
        {"Items": ITEMS, "Count": 2, "LastEvaluatedKey": ITEMS[1], "ResponseMetadata": {"RetryAttempts": 0}}
    ),
    "incremental.json": "\n".join(
        json.dumps(
            {
                "Metadata": {"WriteTimestampMicros": {"N": "1680109764000000"}},
                "Keys": {"pk": item["pk"]},
                "OldImage": {"pk": item["pk"]},
                "NewImage": item,
            }
        )
        for item in ITEMS
    ),
    "put-requests.json": json.dumps([{"PutRequest": {"Item": item}} for item in ITEMS]),
    "request-items.json": json.dumps(
        {"RequestItems": {"shop": [{"PutRequest": {"Item": item}} for item in ITEMS]}}
    ),
    "unprocessed.json": json.dumps(
        {"UnprocessedItems": {"shop": [{"PutRequest": {"Item": item}} for item in ITEMS]}}
    ),
    "inputs.json": json.dumps(
        [{"TableName": "shop", "Item": item, "ReturnValues": "NONE", "Expected": {}} for item in ITEMS]
    ),
    "puts.json": json.dumps([{"Put": {"TableName": "shop", "Item": item}} for item in ITEMS]),
    "transaction.json": json.dumps(
        {
            "TransactItems": [{"Put": {"TableName": "shop", "Item": i}} for i in ITEMS],
            "ClientRequestToken": "",
        }
    ),
    "batch-get.json": json.dumps({"Responses": {"shop": ITEMS}, "UnprocessedKeys": {}}),
    "transact-get.json": json.dumps({"Responses": [{"Item": item} for item in ITEMS]}),
    "model.json": json.dumps(MODEL | {"DataModel": MODEL["DataModel"][:1]}),
    "cells.csv": 'pk,n:N,l:L\na,1.50,\nb,,"[""x""]"\n',
    "json.csv": 'pk,n:JSON,l:JSON\na,1.50,\nb,,"[""x""]"\n',
    "console.csv": '"pk","n:JSON","l:L"\n"a","{""N"":""1.50""}",""\n"b","","[{""S"":""x""}]"\n',
    "semicolon.csv": 'pk;n:N;l:L\na;1.50;\nb;;"[""x""]"\n',
    "spaced.csv": '\ufeff\n\npk:S|n:N|l:L\r\na|1.50|\r\nb||"[""x""]"\r\n\r\n',
    "cells.psv": 'pk|n:N|l:L\na|1.50|\nb||"[""x""]"\n',
    "cells.tsv": 'pk\tn:N\tl:L\r\na\t1.50\t\r\nb\t\t"[""x""]"\r\n',
}


def source(path: Path, text: str | bytes, table: Table = TABLE, **options: Any) -> Source:
    """A source of a file with this content."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    dialect = Dialect(options.get("delimiter"), options.get("quoting"))
    return Source(
        path,
        table,
        options.get("types", {}),
        options.get("model_table"),
        dialect,
        plain=options.get("plain", False),
    )


def items(made: Source) -> list[Any]:
    """The items of a source, all of them good."""
    found = [item for _, item, _ in made.items()]
    assert not [item for item in found if isinstance(item, RecordError)]
    return found
