"""Write a file completely or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_file(path: Path, text: str) -> None:
    """Write UTF-8 text in one step: after an error or Ctrl-C, the file is as it was before.

    :raises OSError: the folder does not permit it, or the disk is full
    """
    staging = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        staging.write_text(text, encoding="utf-8")
        staging.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error  # the file that the user named
    finally:
        with suppress(OSError):
            staging.unlink(missing_ok=True)
