"""`make demo`: its exit code and the list that it prints."""

from typing import Any

import boto3
import pytest

from sandbox import demo


def test_ctrl_c_ends_the_demo_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An interrupt is not an error: no traceback, exit code 130."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo.Lake, "from_environment", interrupt)

    assert demo.main() == 130
    assert capsys.readouterr().out == "interrupted\n"


class Glue:
    """A catalog whose crawl has ended, with its new column declared, before StartCrawler answers."""

    def __init__(self, *crawled: str) -> None:
        self.columns, self.crawled = ["change_id"], crawled

    def get_crawlers(self) -> dict[str, Any]:
        """The lake's crawler."""
        return {"Crawlers": [{"Name": "crawler"}]}

    def start_crawler(self, **_: str) -> None:
        """Crawl at once."""
        self.columns += self.crawled

    def get_crawler(self, **_: str) -> dict[str, Any]:
        """A crawler that never ran before."""
        return {"Crawler": {"Name": "crawler"}}

    def get_table(self, **_: str) -> dict[str, Any]:
        """The table `changes`."""
        columns = [{"Name": name, "Type": "string"} for name in self.columns]
        return {"Table": {"StorageDescriptor": {"Columns": columns}}}


def test_fastest_crawl_is_noticed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The declared columns are counted before the crawler starts, not while it may already have ended."""
    glue = Glue("total")
    monkeypatch.setattr(demo, "CRAWL_SECONDS", 0.3)
    monkeypatch.setattr(boto3.Session, "client", lambda *_: glue)
    demo.show_schema(demo.Lake("table", "bucket", "database", "workgroup"), boto3.Session())
    assert "total" in capsys.readouterr().out


def test_every_column_is_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """However many there are: nothing is cut off."""
    names = [f"attribute_{number}" for number in range(200)]
    glue = Glue(*names)
    monkeypatch.setattr(boto3.Session, "client", lambda *_: glue)
    demo.show_schema(demo.Lake("table", "bucket", "database", "workgroup"), boto3.Session())
    shown = capsys.readouterr().out
    assert set(names) < set(shown.split())
    assert "200 columns" in shown


class Bucket:
    """A bucket with nine delivered objects."""

    def get_paginator(self, _: str) -> "Bucket":
        """Its pages."""
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        """One page."""
        return [{"Contents": [{"Key": f"data/{number}", "Size": 1} for number in range(9)]}]


def test_demo_states_how_many_objects_it_leaves_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The number of all objects, and how many of them are listed."""
    monkeypatch.setattr(boto3.Session, "client", lambda *_: Bucket())
    demo.show_objects(demo.Lake("table", "bucket", "database", "workgroup"), boto3.Session())
    assert "9 objects (the first 6 are listed), 9 bytes gzipped" in capsys.readouterr().out
