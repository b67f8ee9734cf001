"""Compares every file of a folder with a pinned list, so that only files this project has tested are used.

`python -m sandbox.engines.checksums FOLDER > LIST` pins a folder; a list is in the format of `sha256sum`.
"""

import hashlib
import sys
from pathlib import Path

from lake.terminal import answer
from sandbox.engines.errors import AssemblyError


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 by path below the folder, in path order."""
    result = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as stream:
                result[path.relative_to(folder).as_posix()] = hashlib.file_digest(
                    stream, "sha256"
                ).hexdigest()
    return result


def differences(folder: Path, pinned_list: Path) -> list[str]:
    """The differences between the folder and the pinned list, one text per file."""
    pinned = {}
    for line in pinned_list.read_text().splitlines():
        digest, path = line.split("  ", 1)
        pinned[path] = digest
    actual = checksums(folder)
    return [
        f"{path} is {'missing' if path not in actual else 'new' if path not in pinned else 'changed'}"
        for path in sorted(pinned.keys() | actual.keys())
        if pinned.get(path) != actual.get(path)
    ]


def verify(folder: Path, pinned_list: Path) -> None:
    """Raises `AssemblyError` if the folder differs from the pinned list."""
    if different := differences(folder, pinned_list):
        raise AssemblyError(
            f"{len(different)} files in {folder} differ from the pinned list. The first: {different[0]}. "
            f"Next: compare them with {pinned_list.name}; remove the folder to try again"
        )


def main(folder: str) -> None:
    """Print the checksums of a folder."""
    for path, digest in checksums(Path(folder)).items():
        answer(f"{digest}  {path}")


if __name__ == "__main__":
    main(sys.argv[1])
