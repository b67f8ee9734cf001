"""Build the stacks' code and put_items.pyz: the same tree gives the same bytes."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.build import zips
from scripts.build.builders import Builder, build_put_items
from scripts.build.wheels import DEFAULT_ARCHITECTURE, DEFAULT_PYTHON, MACHINES, Target, target
from scripts.build.zips import Package
from scripts.core.console import CommandError, Output, parser, run
from scripts.stacks import ARTIFACTS

# Every file to build, by its name for --only.
PARTS: dict[str, Builder] = {
    **{artifact.name: artifact.build for artifact in ARTIFACTS.values()},
    "put_items": build_put_items,
}


def _build(only: str | None, wanted: Target, out: Output, folder: Path | None = None) -> list[Package]:
    """Build all parts, or the named one."""
    return [build(wanted, out, folder) for name, build in PARTS.items() if only in (None, name)]


def _compare(fresh: Package, kept: Path) -> None:
    """Refuse a file in build/ that differs from the one built from this tree."""
    if not kept.is_file():
        raise CommandError(f"build/{kept.name} does not exist", "Build it: run without --check.")
    if kept.read_bytes() != fresh.path.read_bytes():
        raise CommandError(
            f"build/{kept.name} differs from this tree", "Build it again: run without --check."
        )


def main(arguments: Sequence[str], out: Output) -> int:
    """Build the functions' zips, the job's files and put_items.pyz, and report their sizes."""
    options = parser(
        "build.package",
        "Build the functions' zips and put_items.pyz into build/. The same tree gives the same bytes.",
        calls_aws=False,
    )
    options.add_argument(
        "--arch",
        choices=(*MACHINES, "host"),
        default=DEFAULT_ARCHITECTURE,
        help="the function's architecture (default: arm64); host: this machine's own Python",
    )
    options.add_argument("--python", metavar="3.N", help=f"the function's Python (default: {DEFAULT_PYTHON})")
    options.add_argument(
        "--only",
        choices=tuple(PARTS),
        help="build only this part; only transform needs the network",
    )
    options.add_argument(
        "--check", action="store_true", help="build in another folder and compare with build/, byte by byte"
    )
    args = options.parse_args(arguments)
    wanted = target(args.arch, args.python)
    if args.check:
        with tempfile.TemporaryDirectory() as elsewhere:
            fresh = Path(elsewhere)
            packages = _build(args.only, wanted, out, fresh)
            for package in packages:
                _compare(package, zips.BUILD / package.name)
    else:
        packages = _build(args.only, wanted, out)
    rows = [(f"build/{p.name}", f"{p.size:,}", f"{p.unpacked:,}", p.sha256[:16]) for p in packages]
    out.table("same as the tree" if args.check else "built", ("zip", "bytes", "unpacked", "sha256"), rows)
    out.answer(
        {
            "packages": [
                {"path": f"build/{p.name}", "bytes": p.size, "unpacked": p.unpacked, "sha256": p.sha256}
                for p in packages
            ]
        }
    )
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
