"""Build what the stacks run and the command that is one file: same tree, same bytes."""

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

# Every file there is to build, by the name that --only takes.
PARTS: dict[str, Builder] = {
    **{artifact.name: artifact.build for artifact in ARTIFACTS.values()},
    "put_items": build_put_items,
}


def _build(only: str | None, wanted: Target, out: Output, folder: Path | None = None) -> list[Package]:
    """All that there is to build, or the one part that is named."""
    return [build(wanted, out, folder) for name, build in PARTS.items() if only in (None, name)]


def _compare(fresh: Package, kept: Path) -> None:
    """Refuse a zip in build/ that is not what the tree makes."""
    if not kept.is_file():
        raise CommandError(f"build/{kept.name} is not there", "Build it: leave --check out.")
    if kept.read_bytes() != fresh.path.read_bytes():
        raise CommandError(
            f"build/{kept.name} is not what this tree makes", "Build it anew: leave --check out."
        )


def main(arguments: Sequence[str], out: Output) -> int:
    """Build the functions' zips, the job's files and put_items.pyz, and report their sizes."""
    options = parser(
        "build.package", "Build the functions' zips and put_items.pyz into build/: same tree, same bytes."
    )
    options.add_argument(
        "--arch",
        choices=(*MACHINES, "host"),
        default=DEFAULT_ARCHITECTURE,
        help="what the function runs on (default: arm64); host: this machine's own Python",
    )
    options.add_argument("--python", metavar="3.N", help=f"the function's Python (default: {DEFAULT_PYTHON})")
    options.add_argument(
        "--only",
        choices=tuple(PARTS),
        help="build this part alone; all but transform need no network",
    )
    options.add_argument(
        "--check", action="store_true", help="build elsewhere and compare with build/, byte by byte"
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
