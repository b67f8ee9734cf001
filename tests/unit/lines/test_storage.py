"""The raw objects of the lake, as S3 lists them on several pages."""

from collections.abc import Sequence
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from glue.jobs.lines.days import SourceObject
from glue.jobs.lines.storage import Folder, RawObjects, StorageError

LAKE = Folder("lake", "data/")


@pytest.mark.parametrize("location", ["s3://lake/data/", "s3://lake/data"])
def test_a_folder_is_parsed_and_printed(location: str) -> None:
    """With or without the slash at the end."""
    folder = Folder.parse(location)
    assert (folder, folder.location) == (LAKE, "s3://lake/data/")
    assert folder.below("dt=2026-11-20").location == "s3://lake/data/dt=2026-11-20/"


@pytest.mark.parametrize(
    "location", ["", "lake/data", "s3://lake", "s3://lake/", "s3:///data", "https://lake/data"]
)
def test_another_text_is_not_a_folder(location: str) -> None:
    """The error states the next step."""
    with pytest.raises(StorageError, match=r"is not a folder in a bucket\. Next: "):
        Folder.parse(location)


def listing(pages: Sequence[dict[str, Any]], **request: str) -> RawObjects:
    """The lake of a bucket that answers exactly this listing, one page after the other."""
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    stub = Stubber(s3)
    for number, page in enumerate(pages):
        more = {"IsTruncated": True, "NextContinuationToken": str(number + 1)}
        asked = {"Bucket": "lake", **request, **({"ContinuationToken": str(number)} if number else {})}
        stub.add_response("list_objects_v2", {**page, **(more if number + 1 < len(pages) else {})}, asked)
    stub.activate()
    return RawObjects(s3, LAKE)


def entry(name: str, size: int = 10) -> dict[str, Any]:
    """An object as S3 lists it."""
    return {"Key": f"data/dt=2026-11-20/{name}", "Size": size, "ETag": f'"{name}"'}


def test_the_days_are_those_that_the_raw_table_reads() -> None:
    """Of all pages, oldest first; other folders are left out."""
    names = [["dt=2026-11-21/", "dt=2026-02-30/", "x/"], ["dt=2026-11-20/", "_dt=2026-11-19/"]]
    pages = [{"CommonPrefixes": [{"Prefix": f"data/{name}"} for name in page]} for page in names]
    assert listing([*pages, {}], Prefix="data/", Delimiter="/").days() == ["2026-11-20", "2026-11-21"]


def test_the_objects_of_a_day_are_those_that_athena_reads() -> None:
    """Of all pages, in the order of their keys; empty and hidden objects are left out."""
    pages = [{"Contents": [entry("more/b.gz"), entry("a.gz"), entry("empty.gz", 0)]}]
    pages += [{"Contents": [entry("_hidden.gz"), entry("more/.c.gz"), entry("0.gz")]}, {}]
    found = listing(pages, Prefix="data/dt=2026-11-20/").objects("2026-11-20")
    assert found == [
        SourceObject(f"data/dt=2026-11-20/{name}", 10, f'"{name}"') for name in ("0.gz", "a.gz", "more/b.gz")
    ]
