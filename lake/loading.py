"""Ctrl-C while Python still loads a command: one line and exit code 130, not a traceback.

The `__init__` of a package that runs as `python -m PACKAGE` calls `guard_loading`, and the command calls
`loaded` when it starts its work, where it answers Ctrl-C itself. An exception would not be enough: while a
compiled module is loaded, it may become an ImportError. An older Python must be able to read this file.
"""

from __future__ import annotations

import os
import sys

EXIT_INTERRUPTED = 130  # as shells have it for SIGINT
LINE = "interrupted: nothing was started. Run the command again.\n"


def guard_loading(*commands: str) -> None:
    """Answer Ctrl-C until `loaded` is called, if Python runs one of these modules with -m.

    A name that ends with a dot means every module of that package. A SIGINT that is ignored stays ignored.
    """
    if sys.argv[:1] != ["-m"] or not _is_one_of(commands):
        return
    try:
        import signal  # noqa: PLC0415  loading it takes some milliseconds too

        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _end)
    except KeyboardInterrupt:
        _end()


def loaded() -> None:
    """From now on, Ctrl-C raises KeyboardInterrupt."""
    import signal  # noqa: PLC0415

    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _is_one_of(commands: tuple[str, ...]) -> bool:
    """Whether Python runs one of these modules."""
    words = getattr(sys, "orig_argv", [])
    command = words[words.index("-m") + 1] if "-m" in words[:-1] else ""
    return any(command == one or (one.endswith(".") and command.startswith(one)) for one in commands)


def _end(*_: object) -> None:
    """Print the line and end at once: nothing was started, so there is nothing to undo."""
    line = f"\n{LINE}" if os.isatty(2) else LINE  # below the terminal's own ^C
    os.write(2, line.encode())
    os._exit(EXIT_INTERRUPTED)
