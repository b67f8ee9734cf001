"""Every file of a folder held to a pinned list, so that nobody runs what this project has not run.

`python -m tests.engines.checksums FOLDER > LIST` pins a folder; a list is in the format of `sha256sum`.
"""

import hashlib
import sys
from pathlib import Path

from tests.engines.errors import AssemblyError


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 by path below the folder, in path order."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as stream:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


def differences(folder: Path, pinned_list: Path) -> list[str]:
    """How the folder differs from the pinned list, one text per file; empty when it does not."""
    pinned = {}
    for line in pinned_list.read_text().splitlines():
        digest, path = line.split("  ", 1)
        pinned[path] = digest
    found = checksums(folder)
    return [
        f"{path} is {'missing' if path not in found else 'new' if path not in pinned else 'changed'}"
        for path in sorted(pinned.keys() | found.keys())
        if pinned.get(path) != found.get(path)
    ]


def verify(folder: Path, pinned_list: Path) -> None:
    """Raises `AssemblyError` for a folder that is not the pinned one."""
    if different := differences(folder, pinned_list):
        raise AssemblyError(
            f"{len(different)} files are not the pinned ones, first: {different[0]}. They are in {folder}. "
            f"Next: compare them with {pinned_list.name}; remove the folder to try again"
        )


def main(folder: str) -> None:
    """Print the list of a folder."""
    for path, digest in checksums(Path(folder)).items():
        print(f"{digest}  {path}")


if __name__ == "__main__":
    main(sys.argv[1])
