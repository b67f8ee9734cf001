"""Every file that the code or a page names exists: such names become wrong when files move."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = r"athena|benchmarks|[a-z]+_lambda|docs|examples|glue|lake"
FOLDERS += r"|requirements|sandbox|scripts|templates|tests"
NAMED = re.compile(rf"(?<![\w/.-])((?:{FOLDERS})/[\w./*-]+)")
EXAMPLES = "athena/views/types/"  # users write the files of types
READ = (".guard", ".md", ".py", ".toml", ".yaml")


def test_every_file_that_is_named_exists() -> None:
    """In comments, docstrings and prose; `*` and NAME match any name. Tests may invent names."""
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
