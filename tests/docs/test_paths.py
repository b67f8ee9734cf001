"""A file that the code or a page names is there: such names rot when files move."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = r"athena|benchmarks|[a-z]+_lambda|docs|glue|lake|requirements|sandbox|scripts|templates|tests"
NAMED = re.compile(rf"(?<![\w/.-])((?:{FOLDERS})/[\w./*-]+)")
EXAMPLES = "athena/views/types/"  # type files are the user's own
READ = (".guard", ".md", ".py", ".toml", ".yaml")


def test_a_file_that_is_named_is_there() -> None:
    """In a comment, a docstring or a sentence; `*` and NAME stand for any name. Tests make names up."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    pages = [ROOT / name for name in listed.splitlines() if name.endswith(READ) and name[:6] != "tests/"]
    missing = [
        f"{page.relative_to(ROOT)}: {name}"
        for page in pages
        if page.is_file()
        for name in {found.rstrip("./") for found in NAMED.findall(page.read_text(encoding="utf-8"))}
        if not name.startswith(EXAMPLES) and not any(ROOT.glob(name.replace("NAME", "*")))
    ]
    assert sorted(missing) == []
