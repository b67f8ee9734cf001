"""docs/analyse.md, run block by block over a separate lake."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import matplotlib.image
import matplotlib.pyplot as plt
import orjson
import pandas as pd
import pytest
from matplotlib import dates

from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from sandbox.processes import REPOSITORY
from tests.sandbox.commands import run_module
from tests.sandbox.crawls import crawl, wait_for_column
from transform_lambda.change import transform

pytestmark = pytest.mark.sandbox

PAGE = REPOSITORY / "docs" / "analyse.md"
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```", re.DOTALL | re.MULTILINE)
TABLE = "shop"
START = 1_795_168_800_000_000  # 2026-11-20T10:00:00Z, in microseconds
MINUTE = 60_000_000


def item(number: int, total: str, paid: bool) -> dict[str, Any]:
    """An order in DynamoDB JSON."""
    return {
        "pk": {"S": f"order-{number}"},
        "total": {"N": total},
        "paid": {"BOOL": paid},
        "ordered_at": {"S": f"2026-11-20T10:{number % 60:02d}:00Z"},
    }


def changes() -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Changes over twelve minutes, one of them without any: minute, kind, images."""
    for number in range(30):
        minute = number % 12 if number % 12 != 7 else 0
        yield minute, "INSERT", {"NewImage": item(number, "0.1", False)}
        if number % 2:
            images = {"OldImage": item(number, "0.1", False), "NewImage": item(number, "0.2", True)}
            yield min(minute + 2, 11) if minute != 5 else 6, "MODIFY", images
        if number % 10 == 1:
            yield 11, "REMOVE", {"OldImage": item(number, "0.2", True)}


def lines() -> Iterator[bytes]:
    """The rows of the changes as the function writes them; every third one comes twice."""
    for number, (minute, kind, images) in enumerate(changes()):
        image = images.get("NewImage") or images["OldImage"]
        record = {
            "eventID": f"e-{number}",
            "eventName": kind,
            "tableName": TABLE,
            "dynamodb": {
                "ApproximateCreationDateTime": START + minute * MINUTE + number,
                "ApproximateCreationDateTimePrecision": "MICROSECOND",
                "Keys": {"pk": image["pk"]},
                **images,
            },
        }
        line, _ = transform(orjson.dumps(record), str(number))
        yield from [line] * (2 if number % 3 == 0 else 1)


def fill(dynamodb: Any) -> None:
    """The table as these changes leave it."""
    keys: dict[str, Any] = {
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    }
    dynamodb.create_table(TableName=TABLE, BillingMode="PAY_PER_REQUEST", **keys)
    for _, kind, images in changes():
        if kind == "REMOVE":
            dynamodb.delete_item(TableName=TABLE, Key={"pk": images["OldImage"]["pk"]})
        else:
            dynamodb.put_item(TableName=TABLE, Item=images["NewImage"])


@pytest.fixture(scope="module")
def lake() -> Iterator[Sandbox]:
    """The consumer stack with these rows, crawled, and the views that the page creates."""
    with Sandbox(speed=60) as sandbox:
        sandbox.launch(plan_launches("consumer"))
        session = sandbox.session("consumer")
        session.client("s3").put_object(
            Bucket=sandbox.outputs["LakeBucketName"],
            Key="data/dt=2026-11-20/ddb-lake-1.gz",
            Body=gzip.compress(b"".join(lines()), mtime=0),
        )
        glue = session.client("glue")
        crawl(glue, sandbox.outputs["CrawlerName"])
        fill(sandbox.session("producer").client("dynamodb"))
        wait_for_column(glue, sandbox.outputs["DatabaseName"], "ordered_at")
        yield sandbox


def views(sandbox: Sandbox, *arguments: str) -> str:
    """The output of `python -m scripts.views`."""
    command = ("scripts.views", TABLE, "--name", "orders", "--profile", "consumer")
    done = run_module(sandbox, *command, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_page_runs_and_its_plot_shows_the_changes(
    lake: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All blocks run in order, in one namespace. They print the shown output, and the bars are the counts."""
    types = tmp_path / "orders.yaml"
    types.write_text(views(lake, "--propose-types"))
    views(lake, "--types", str(types))
    environment = lake.environment()
    for name in set(os.environ) - set(environment):
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("TABLE_NAME", TABLE)
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    namespace: dict[str, Any] = {}
    printed = ""
    for block in BLOCK.finditer(text):
        if block[1] == "text":
            assert printed == block[2]
            continue
        shown = io.StringIO()
        above = "\n" * (text[: block.start()].count("\n") + 1)  # so that a traceback names the page's line
        with contextlib.redirect_stdout(shown):
            exec(compile(above + block[2], str(PAGE), "exec"), namespace)  # noqa: S102  the page's own code
        printed = shown.getvalue()

    items = namespace["items"].set_index("pk")
    assert len(items) == 27
    assert items.loc["order-3", "total"] == Decimal("0.2")
    assert items["total"].sum() == Decimal("0.1") * 15 + Decimal("0.2") * 12
    assert set(items["paid"]) == {True, False}

    expected = Counter((minute, kind) for minute, kind, _ in changes())
    assert sum(namespace["counted"]["changes"]) == sum(expected.values())
    bars = {
        (number, container.get_label()): round(bar.get_height())
        for container in namespace["axes"].containers
        for number, bar in enumerate(container)
    }
    assert {place: height for place, height in bars.items() if height} == expected
    assert len(bars) == 12 * 3
    first, last = namespace["axes"].get_xlim()
    assert (last - first) * 24 * 60 >= 12

    undelivered = {"pk": {"S": "order-99"}}
    lake.session("producer").client("dynamodb").put_item(TableName=TABLE, Item=undelivered)
    [again] = [block[2] for block in BLOCK.finditer(text) if "image_digest(item)" in block[2]]
    exec(again, namespace)  # noqa: S102  the comparison again, now that there is something to find
    assert namespace["differ"] == ['{"pk":{"S":"order-99"}}']

    picture = matplotlib.image.imread(tmp_path / "changes-per-minute.png")
    assert picture.shape[:2] == (480, 1080)
    for kind, color in namespace["COLORS"].items():
        wanted = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        painted = (abs(picture[:, :, :3] - wanted).max(axis=2) < 0.01).sum()
        assert (painted > 500) == any(counted_kind == kind for _, counted_kind in expected), kind


@pytest.mark.parametrize("minutes", [1, 3, 600])
def test_plot_of_few_minutes_has_an_axis_of_ten_minutes(
    minutes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The README's own item makes all its changes in one minute: a bar in the middle, not a block."""
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)
    [code] = [block[2] for block in BLOCK.finditer(PAGE.read_text(encoding="utf-8")) if "COLORS" in block[2]]
    index = pd.date_range("2026-11-20T10:00", periods=minutes, freq="min")
    namespace: dict[str, Any] = {"pd": pd, "plt": plt, "dates": dates, "minutes": index}
    namespace["changes"] = pd.DataFrame({"INSERT": [2] * minutes}, index=index)
    exec(code, namespace)  # noqa: S102  the page's own code
    first, last = (number * 24 * 60 for number in namespace["axes"].get_xlim())
    assert last - first == pytest.approx(max(10, minutes + 1), abs=0.01)
    assert first < index[0].timestamp() / 60 - 0.4
    assert len(namespace["axes"].get_xticks()) >= 5
