"""`python -m scripts.build.single_account`: write what in templates/ follows from something else.

- templates/consumer.yaml: a named query for each of athena/queries/*.sql, and the digest of the table;
- templates/single-account.yaml: consumer.yaml and producer.yaml in one, with the parameters wired up that
  one stack would take from the other. Put together from their text, so that comments and order survive.

No call to AWS. A test fails while any of it is stale.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scripts.core.console import CommandError, Output, parser, run
from scripts.core.template import ROOT, parse

TEMPLATES = ROOT / "templates"
QUERIES = ROOT / "athena" / "queries"

# A parameter that the other stack's output would fill → what it is in one stack: as a Ref, and in a Sub.
WIRED = {
    "ProducerAccountId": ("!Ref AWS::AccountId", "${AWS::AccountId}"),
    "ConsumerAccountId": ("!Ref AWS::AccountId", "${AWS::AccountId}"),
    "LakeBucketName": ("!Ref LakeBucket", "${LakeBucket}"),
    "LakeKeyArn": ("!GetAtt LakeKey.Arn", "${LakeKey.Arn}"),
}

# What is said of two accounts or two stacks → what holds for one. A blank matches a line break as well.
WORDING = {
    r"\n +# So no administrator of the producer account gets in\.": "",
    r", here and in the (?:producer|consumer) stack,": "",
    r"the producer account has another lake": "this account has another lake",
    r" \(the producer stack asks for these, under the same names\) ─": " ─",
    r"the consumer's bucket": "the lake's bucket",
    r"Role that the consumer account admits": "Role that the lake's policies admit",
}

TITLE = "# Written by `make generate` from consumer.yaml and producer.yaml: change those.\n"
DESCRIPTION = """\
Description: >-
  ddb-lake in one account. What arrives is an encrypted DynamoDB table (or one you have is adopted), a Kinesis
  stream of its changes, the function that flattens them, in private subnets, the Firehose stream that writes
  them into an encrypted S3 bucket, and over that the Glue table `changes`, a crawler with a function that
  declares new attributes as columns, and an Athena workgroup with ready queries.
"""
SECTIONS = ("Metadata", "Parameters", "Rules", "Conditions", "Resources", "Outputs")

_BEGIN, _END = "  # named queries: begin\n", "  # named queries: end\n"
_DIGEST = re.compile(r'^( +TableDefinition: )"[^"]*"', re.MULTILINE)
_BANNER = re.compile(r"  # ── .+ ─+\n?")


@dataclass(frozen=True)
class Entry:
    """One member of a section: its key, and its text with the comments above it."""

    key: str
    text: str
    banner: str = ""  # the headline it stands under
    apart: bool = False  # a blank line goes before it


def sections(text: str) -> dict[str, str]:
    """A template's top-level keys → the text below each."""
    parts = re.split(r"^([A-Z]\w+):", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], (part.lstrip("\n") for part in parts[2::2]), strict=True))


def entries(section: str) -> list[Entry]:
    """The members of a section's text, two blanks deep, in order."""
    found: list[Entry] = []
    banner, waiting = "", ""
    for line in section.splitlines(keepends=True):
        if _BANNER.fullmatch(line):
            banner, waiting = line, ""
        elif not line.strip() or line.startswith("  #"):
            waiting += line
        elif re.match(r"  \w", line):
            key = line.strip().split(":")[0]
            found.append(Entry(key, waiting.lstrip("\n") + line, banner, waiting.startswith("\n")))
            waiting = ""
        else:  # deeper: the member goes on
            last = found.pop()
            found.append(Entry(last.key, last.text + waiting + line, last.banner, last.apart))
            waiting = ""
    return found


def rendered(members: Iterable[Entry]) -> str:
    """A section's text; a banner stands once above the members that have it."""
    text, banner = "", ""
    for member in members:
        if member.banner != banner:
            text += ("\n" if text else "") + member.banner
            banner = member.banner
        elif member.apart and text:
            text += "\n"
        text += member.text
    return text


def united(
    name: str, first: Sequence[Entry], second: Sequence[Entry], drop: Iterable[str] = ()
) -> list[Entry]:
    """The members of both: a key that both have is the second's, where it must say the same in either."""
    dropped = set(drop)
    own = {member.key: member for member in second}
    for member in first:
        if member.key in own and name != "Outputs" and _said(member) != _said(own[member.key]):
            raise CommandError(
                f"{name}: {member.key} differs between producer.yaml and consumer.yaml",
                "Make both say the same, or give one of them another name.",
            )
    kept = [member for member in first if member.key not in own or name == "Outputs"]
    if name == "Outputs":
        own = {key: member for key, member in own.items() if key not in {member.key for member in kept}}
    return [member for member in (*kept, *own.values()) if member.key not in dropped]


def _said(member: Entry) -> Any:
    """A member's content without its description, which speaks of the other stack."""
    content = parse(member.text)[member.key]
    return {k: v for k, v in content.items() if k != "Description"} if isinstance(content, dict) else content


def single_account(consumer: str, producer: str) -> str:
    """The two templates as one.

    Raises CommandError when they contradict each other, or when a resource would stand in it twice, and
    yaml.YAMLError when one of them is not YAML.
    """
    parse(consumer), parse(producer)
    first, second = sections(wired(producer)), sections(wired(consumer))
    twice = {e.key for e in entries(first["Resources"])} & {e.key for e in entries(second["Resources"])}
    if twice:
        raise CommandError(
            f"both templates have a resource {', '.join(sorted(twice))}", "Give each a logical id of its own."
        )
    parameters = united("Parameters", entries(first["Parameters"]), entries(second["Parameters"]), WIRED)
    bodies = {"Metadata": _interface(producer, consumer, parameters), "Parameters": rendered(parameters)}
    for name in ("Rules", "Conditions", "Resources", "Outputs"):
        bodies[name] = rendered(united(name, entries(first[name]), entries(second[name])))
    text = f'{TITLE}AWSTemplateFormatVersion: "2010-09-09"\n{DESCRIPTION}'
    for name in SECTIONS:
        text += f"\n{name}:\n{bodies[name]}"
    _check_references(text)
    return text


def wired(text: str) -> str:
    """A template's text with the other stack's outputs replaced by what they are in the same stack."""
    for name, (reference, inside) in WIRED.items():
        text = re.sub(rf'!Ref "?{name}"?(?!\w)', reference, text)
        text = text.replace("${" + name + "}", inside)
    for pattern, replacement in WORDING.items():
        text = re.sub(pattern.replace(" ", r"\s+"), replacement, text)
    return text.replace(_BEGIN, "").replace(_END, "")


def _check_references(text: str) -> None:
    left = [name for name in WIRED if re.search(rf'(Ref:? "?|\$\{{){name}\b', text)]
    if left:
        raise CommandError(
            f"single-account.yaml would still refer to {', '.join(left)}",
            "Refer to it with !Ref NAME or inside a !Sub text.",
        )


def _interface(producer: str, consumer: str, parameters: Sequence[Entry]) -> str:
    """The Metadata section: the console's groups, in the order of the parameters, and labels."""
    faces = [parse(text)["Metadata"]["AWS::CloudFormation::Interface"] for text in (producer, consumer)]
    labels = {**faces[0]["ParameterLabels"], **faces[1]["ParameterLabels"]}
    theirs = {name for group in faces[1]["ParameterGroups"] for name in group["Parameters"]}
    groups = [
        (group["Label"]["default"], [n for n in group["Parameters"] if n not in WIRED and n not in taken])
        for face, taken in ((faces[0], theirs), (faces[1], frozenset[str]()))
        for group in face["ParameterGroups"]
    ]
    lines = ["  AWS::CloudFormation::Interface:", "    ParameterGroups:"]
    for label, names in groups:
        if names:
            lines += [f"      - Label: {{default: {label}}}", f"        Parameters: [{', '.join(names)}]"]
    lines.append("    ParameterLabels:")
    lines += [f"      {entry.key}: {{default: {labels[entry.key]['default']}}}" for entry in parameters]
    return "\n".join(lines) + "\n"


def consumer_text(text: str, queries: Mapping[str, str]) -> str:
    """consumer.yaml's text with the named queries and the table's digest as they have to be.

    `queries` maps a query's name to its SQL. Raises CommandError when the text has no place for them.
    """
    if text.count(_BEGIN) != 1 or text.count(_END) != 1 or not _DIGEST.search(text):
        raise CommandError(
            "consumer.yaml has lost the mark `named queries: begin` or `end`, or TableDefinition",
            "Bring them back from the last commit, then run the command again.",
        )
    before, rest = text.split(_BEGIN)
    after = rest.split(_END)[1]
    text = (
        before + _BEGIN + "\n".join(_named_query(*query) for query in sorted(queries.items())) + _END + after
    )
    table = parse(text)["Resources"]["ChangesTable"]["Properties"]
    return _DIGEST.sub(rf'\g<1>"{digest(table)}"', text)


def digest(table: Any) -> str:
    """Twelve hex digits that change whenever the table's definition does."""
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()[:12]


def _named_query(name: str, sql: str) -> str:
    """One AWS::Athena::NamedQuery; its description is the comment the SQL begins with."""
    about = " ".join(line[2:].strip() for line in _leading_comment(sql))
    body = "".join(f"        {line}".rstrip() + "\n" for line in sql.rstrip().splitlines())
    logical_id = "".join(word.capitalize() for word in re.split(r"\W|_", name)) + "Query"
    return (
        f"  {logical_id}:\n"
        "    Type: AWS::Athena::NamedQuery\n"
        "    Properties:\n"
        f"      Name: {name}\n"
        f"      Description: {json.dumps(about, ensure_ascii=False)}\n"
        "      Database: !Ref LakeDatabase\n"
        "      WorkGroup: !Ref Workgroup\n"
        "      QueryString: |\n"
        f"{body}"
    )


def _leading_comment(sql: str) -> Iterator[str]:
    for line in sql.splitlines():
        if not line.startswith("--"):
            return
        yield line


def shipped_queries(folder: Path = QUERIES) -> dict[str, str]:
    """Name → SQL of every file in athena/queries/; the name is the file's."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql"))}


def derived() -> dict[Path, str]:
    """The files this command writes → what they have to say."""
    consumer = TEMPLATES / "consumer.yaml"
    text = consumer_text(consumer.read_text(encoding="utf-8"), shipped_queries())
    producer = (TEMPLATES / "producer.yaml").read_text(encoding="utf-8")
    return {consumer: text, TEMPLATES / "single-account.yaml": single_account(text, producer)}


def main(arguments: Sequence[str], out: Output) -> int:
    """Write the files, or with --check say which are stale."""
    options = parser(
        "build.single_account", "Write what in templates/ follows from something else.", epilog=__doc__
    )
    options.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    given = options.parse_args(arguments)
    try:
        wanted = derived()
    except yaml.YAMLError as error:
        raise CommandError(
            f"a template is not YAML: {error}", "Correct it, then run the command again."
        ) from error
    stale = [
        path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    names = [path.relative_to(ROOT).as_posix() for path in stale]
    if given.check and stale:
        raise CommandError(f"stale: {', '.join(names)}", "Run `make generate`.", stale=names)
    for path in stale:
        whole = path.with_suffix(".new")
        whole.write_text(wanted[path], encoding="utf-8")
        os.replace(whole, path)  # noqa: PTH105  replaces on every system; Path.rename does not on Windows
    out.answer(
        {"written": names}, f"written: {', '.join(names)}" if names else "nothing to write, all is current"
    )
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
