"""`python -m scripts` lists the verbs."""

import sys

from scripts.console import page

VERBS = {
    "package": "build the functions' zips into build/",
    "deploy": "create or update one stack: consumer, producer or single-account",
    "put_items": "put sample items, or a file's, into a table",
    "query": "run a named query, a file or SQL text through Athena",
    "cost": "what a month of the pipeline costs, from the shape of the workload",
    "single_account": "write templates/single-account.yaml anew from the other two",
}


def main() -> int:
    """Print the verbs; exit 2 when something was asked that no verb answers."""
    lines = ["usage: python -m scripts.VERB [--help]", ""]
    lines += [f"  {verb:<16}{what}" for verb, what in VERBS.items()]
    page("\n".join(lines))
    return 2 if len(sys.argv) > 1 and sys.argv[1] not in ("-h", "--help") else 0


if __name__ == "__main__":
    sys.exit(main())
