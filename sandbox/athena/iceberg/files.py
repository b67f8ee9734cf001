"""PyIceberg's FileIO over the query's store: files are read with its caller's permissions."""

import contextvars
import io
from typing import NoReturn

from pyiceberg.io import FileIO, InputFile, OutputFile

from sandbox.athena.locations import split_location
from sandbox.athena.ports import Store, StoredObject


class StoreFiles(FileIO):
    """The files of a table. Metadata stays in memory for the query: a file of Iceberg never changes.

    PyIceberg reads in threads of its own. They run in the context of the query: the emulator finds account,
    Region and caller there.
    """

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._context = contextvars.copy_context()
        self._stored: dict[str, StoredObject] = {}
        self._metadata: dict[str, bytes] = {}

    def stored(self, location: str) -> StoredObject:
        """The object of a file. Raises `FileNotFoundError`, or `AccessDeniedError` without permission."""
        found = self._stored.get(location)
        if found is None:
            bucket, key = split_location(location)
            found = self._context.copy().run(self._store.head, bucket, key)
            if found is None:
                raise FileNotFoundError(location)
            self._stored[location] = found
        return found

    def read(self, location: str) -> bytes:
        """A file's bytes."""
        body = self._metadata.get(location)
        if body is None:
            body = self._context.copy().run(self._store.read, self.stored(location))
            if not location.endswith(".parquet"):
                self._metadata[location] = body
        return body

    def new_input(self, location: str) -> InputFile:
        """A file to read."""
        return _StoredFile(location, self)

    def new_output(self, location: str) -> OutputFile:
        """Not possible: queries only read Iceberg tables."""
        raise NotImplementedError(location)

    def delete(self, location: str | InputFile | OutputFile) -> NoReturn:
        """Not possible: queries only read Iceberg tables."""
        raise NotImplementedError(str(location))


class _StoredFile(InputFile):
    def __init__(self, location: str, files: StoreFiles) -> None:
        super().__init__(location)
        self._files = files

    def __len__(self) -> int:
        return self._files.stored(self.location).size

    def exists(self) -> bool:
        """Whether the object exists."""
        try:
            self._files.stored(self.location)
        except FileNotFoundError:
            return False
        return True

    def open(self, seekable: bool = True) -> io.BytesIO:  # noqa: ARG002  part of the interface
        """The whole object as a stream."""
        return io.BytesIO(self._files.read(self.location))
