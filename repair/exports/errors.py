"""Reasons to refuse an export. Each has a name, a message that states what is wrong, and a next step."""

from __future__ import annotations

_COPY_AGAIN = "Copy the object again from where it came from, or export the table again."
_EXPORT_AGAIN = "Export the table again."


class ExportError(ValueError):
    """The export cannot be used. The subclasses are the reasons."""

    next_step = _EXPORT_AGAIN

    def __init__(self, message: str, next_step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if next_step is not None:
            self.next_step = next_step

    @property
    def name(self) -> str:
        """The reason's name, without `Error`."""
        return type(self).__name__.removesuffix("Error")


class ManifestError(ExportError):
    """A manifest is not what the developer guide describes."""


class VersionError(ExportError):
    """The manifest's version is unknown: its members may mean something else."""

    next_step = "Update ddb-lake: this release does not know the format."


class IncompleteExportError(ExportError):
    """The export is in progress, has failed, or its manifest was not written."""

    next_step = (
        "Wait until the export is COMPLETED (`aws dynamodb describe-export`), or export the table again."
    )


class OutputFormatError(ExportError):
    """The data files are in another format than the manifest or the caller says."""


class ExportTypeError(ExportError):
    """A full export where an incremental one is needed, or the other way round."""


class OtherTableError(ExportError):
    """The export is of another table, or of a table that was deleted and created again."""

    next_step = "Name an export of this table: `aws dynamodb list-exports` lists them."


class KeySchemaError(ExportError):
    """An item lacks a key attribute of the table, or has it with another type."""

    next_step = "Name an export of this table: an item without the table's key is of another table."


class MissingFileError(ExportError):
    """The files manifest lists a data file that does not exist."""

    next_step = _COPY_AGAIN


class SurplusFileError(ExportError):
    """The folder of the data files has a file that the manifest does not list."""

    next_step = "Remove what does not belong to the export, or export the table again."


class ChecksumError(ExportError):
    """The MD5 of a file is not the one that DynamoDB wrote."""

    next_step = _COPY_AGAIN


class TruncatedFileError(ExportError):
    """A data file ends before its GZIP data does."""

    next_step = _COPY_AGAIN


class CountError(ExportError):
    """The number of items is not the one that the manifest states."""

    next_step = _COPY_AGAIN


class RecordError(ExportError):
    """A line of a data file is not an item or changed item as the developer guide describes it."""
