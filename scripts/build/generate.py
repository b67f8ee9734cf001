"""Write every generated file of the repository, or check that none is stale.

Some files are generated as a whole, of others the lines between two comments. docs/generated/access.md needs
Node, and is left out without it. requirements/*.lock are compiled by `make lock`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import yaml

from scripts.build import alarms, consumer, cost_scenarios, failures, proofs, single_account, table_columns
from scripts.build.sources import Generator, Sources
from scripts.core.console import CommandError, Output, nearest, parser, run
from scripts.core.template import ROOT

# Generated as a whole.
WHOLE: dict[str, Generator] = {
    "templates/single-account.yaml": single_account.generated,
    "docs/generated/alarms.md": alarms.page,
    "docs/generated/cost-scenarios.md": cost_scenarios.page,
    "docs/generated/failures.md": failures.page,
    "docs/generated/row.md": table_columns.row_page,
}
# As a whole too, by proofs that take their time; the tests of the proofs hold the pages to what they find.
PROVED: dict[str, Generator] = {
    "docs/generated/access.md": proofs.access,
    "docs/generated/demo.svg": proofs.demo_picture,
    "docs/generated/emulator-gaps.md": proofs.emulator_gaps,
}

EPILOG = """\
examples:
  python -m scripts.build.generate
  python -m scripts.build.generate --check
  python -m scripts.build.generate single-account row"""


def computed(root: Path = ROOT) -> dict[str, Generator]:
    """The generated files that follow from the tree alone, without a proof."""
    regions = dict.fromkeys(table_columns.places(Sources(root)), table_columns.with_columns)
    return {**regions, consumer.PATH: consumer.generated, **WHOLE}


def is_stale(sources: Sources, path: str) -> bool:
    """Whether a file is not as generated.

    Raises CommandError and yaml.YAMLError when a source is not what the generator needs, and
    ProofMissingError when a proof cannot run here.
    """
    return not (sources.root / path).is_file() or sources.stored(path) != sources.text(path)


def chosen(names: Sequence[str], paths: Iterable[str]) -> list[str]:
    """The generated files named, by path or by name without ending; all of them without a name."""
    by_name = {name: path for path in paths for name in (PurePosixPath(path).stem, path)}
    for name in names:
        if name not in by_name:
            raise CommandError(f"{name} is not a generated file", f"Nearest: {nearest(name, by_name)}.")
    return list(dict.fromkeys(by_name[name] for name in names or by_name))


def write(path: Path, text: str) -> None:
    """Write a file; it appears whole or stays as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_name(f"{path.name}.new")
    whole.write_text(text, encoding="utf-8")
    whole.replace(path)


def main(arguments: Sequence[str], out: Output) -> int:
    """Write the stale files, or with --check name them."""
    options = parser("build.generate", "Write every generated file of the repository.", epilog=EPILOG)
    options.add_argument("names", nargs="*", metavar="NAME", help="a generated file (default: all of them)")
    options.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    args = options.parse_args(arguments)
    sources = Sources(ROOT, computed(ROOT) | PROVED)
    found: list[str] = []
    left_out: list[str] = []
    try:
        for path in chosen(args.names, sources.generators):
            try:
                if is_stale(sources, path):
                    found.append(path)
            except proofs.ProofMissingError as missing:
                left_out.append(path)
                out.say(f"left out: {path}: {missing}")
    except yaml.YAMLError as error:
        raise CommandError(
            f"a file is not YAML: {error}", "Correct it, then run the command again."
        ) from error
    names = ", ".join(found)
    if args.check and found:
        raise CommandError(f"stale: {names}", "Run `make generate`.", stale=found)
    for path in found:
        write(ROOT / path, sources.text(path))
    out.answer(
        {"written": found, "left_out": left_out},
        f"written: {names}" if found else "nothing to write, all is current",
    )
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
