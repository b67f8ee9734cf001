"""`make demo` ends as a command does."""

from typing import Any

import boto3
import pytest

from sandbox import demo


def test_ctrl_c_ends_the_demo_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An interrupt is no error: no traceback, exit code 130."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo.Lake, "from_environment", interrupted)

    assert demo.main() == 130
    assert capsys.readouterr().out == "interrupted\n"


class Glue:
    """A catalog whose crawl is over, and its new column declared, before StartCrawler has answered."""

    def __init__(self) -> None:
        self.columns = ["change_id"]

    def get_crawlers(self) -> dict[str, Any]:
        """The lake's."""
        return {"Crawlers": [{"Name": "crawler"}]}

    def start_crawler(self, **_: str) -> None:
        """Crawled."""
        self.columns.append("total")

    def get_crawler(self, **_: str) -> dict[str, Any]:
        """Never ran before."""
        return {"Crawler": {"Name": "crawler"}}

    def get_table(self, **_: str) -> dict[str, Any]:
        """`changes`."""
        columns = [{"Name": name, "Type": "string"} for name in self.columns]
        return {"Table": {"StorageDescriptor": {"Columns": columns}}}


def test_the_fastest_crawl_is_seen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was declared is counted before the crawler starts, not while it may be done already."""
    glue = Glue()
    monkeypatch.setattr(demo, "CRAWL_SECONDS", 0.3)
    monkeypatch.setattr(boto3.Session, "client", lambda *_: glue)
    demo.show_schema(demo.Lake("table", "bucket", "database", "workgroup"), boto3.Session())
    assert "total" in capsys.readouterr().out
