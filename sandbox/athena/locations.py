"""Addresses in S3."""

from urllib.parse import urlsplit

from sandbox.athena.errors import QueryError


def split_location(location: str) -> tuple[str, str]:
    """`s3://bucket/prefix` as bucket and prefix. Raises `QueryError` for anything else."""
    parts = urlsplit(location)
    if parts.scheme not in ("s3", "s3a", "s3n") or not parts.netloc:
        raise QueryError("HIVE_INVALID_METADATA", f"The table's location is not an S3 address: {location}")
    return parts.netloc, location.split("://", 1)[1][len(parts.netloc) :].lstrip("/")
