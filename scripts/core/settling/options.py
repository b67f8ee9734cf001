"""The options of commands that write rows into a lake with settled tables."""

from __future__ import annotations

import argparse

TABLES_STACK = "--tables-stack"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of a command that writes rows."""
    add_stack(parser)
    parser.add_argument(
        "--wait", action="store_true", help="wait for the settle run that begins after the last row"
    )


def add_stack(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the stack."""
    parser.add_argument(
        TABLES_STACK,
        metavar="NAME",
        help="the option stack of settled tables in the lake's account (default: ddb-lake-tables)",
    )
