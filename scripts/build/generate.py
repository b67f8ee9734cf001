"""Write every generated file of the repository, or check that none is stale.

Some files are generated completely; in others, only the lines between two comments. docs/generated/access.md
needs Node, and is left out without it. `make lock` compiles requirements/*.lock.
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

# Generated completely.
WHOLE: dict[str, Generator] = {
    "templates/single-account.yaml": single_account.generated,
    "docs/generated/alarms.md": alarms.page,
    "docs/generated/cost-scenarios.md": cost_scenarios.page,
    "docs/generated/failures.md": failures.page,
    "docs/generated/row.md": table_columns.row_page,
}
# Generated completely by slow proofs. The tests of the proofs compare the pages with their results.
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
    """The generated files that need no proof, only the repository's files."""
    regions = dict.fromkeys(table_columns.places(Sources(root)), table_columns.with_columns)
    return {**regions, consumer.PATH: consumer.generated, **WHOLE}


def is_stale(sources: Sources, path: str) -> bool:
    """Whether a file differs from its generated text.

    Raises CommandError and yaml.YAMLError if a generator cannot use a source, and ProofMissingError if a
    proof cannot run on this machine.
    """
    return not (sources.root / path).is_file() or sources.stored(path) != sources.text(path)


def chosen(names: Sequence[str], paths: Iterable[str]) -> list[str]:
    """The named generated files, by path or by name without ending; all files if no name is given."""
    by_name = {name: path for path in paths for name in (PurePosixPath(path).stem, path)}
    for name in names:
        if name not in by_name:
            raise CommandError(f"{name} is not a generated file", f"Similar: {nearest(name, by_name)}.")
    return list(dict.fromkeys(by_name[name] for name in names or by_name))


def write(path: Path, text: str) -> None:
    """Write a file completely, or leave it unchanged."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_name(f"{path.name}.new")
    whole.write_text(text, encoding="utf-8")
    whole.replace(path)


def main(arguments: Sequence[str], out: Output) -> int:
    """Write the stale files; with --check, only name them."""
    options = parser(
        "build.generate", "Write every generated file of the repository.", epilog=EPILOG, calls_aws=False
    )
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
        raise CommandError(f"a file is not YAML: {error}", "Correct it and run the command again.") from error
    names = ", ".join(found)
    if args.check and found:
        raise CommandError(f"stale: {names}", "Run `make generate`.", stale=found)
    for path in found:
        write(ROOT / path, sources.text(path))
    out.answer(
        {"written": found, "left_out": left_out},
        f"written: {names}" if found else "nothing to write: every file is current",
    )
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
