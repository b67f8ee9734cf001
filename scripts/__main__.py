"""`python -m scripts` lists the commands."""

import ast
import sys
from pathlib import Path

from scripts.core.console import page


def verbs() -> dict[str, str]:
    """Every module or package here that runs as a command, with the first line of its docstring."""
    found = {}
    folder = Path(__file__).parent
    for path in sorted([*folder.glob("[a-z]*.py"), *folder.glob("[a-z]*/__main__.py")]):
        source = path.read_text(encoding="utf-8")
        if 'if __name__ == "__main__":' in source:
            name = path.parent.name if path.stem == "__main__" else path.stem
            found[name] = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
    return found


def main() -> int:
    """Print the commands; exit 2 for an unknown argument."""
    lines = ["usage: python -m scripts.COMMAND [--help]", ""]
    lines += [f"  {verb:<16}{summary}" for verb, summary in verbs().items()]
    page("\n".join(lines))
    return 2 if len(sys.argv) > 1 and sys.argv[1] not in ("-h", "--help") else 0


if __name__ == "__main__":
    sys.exit(main())
