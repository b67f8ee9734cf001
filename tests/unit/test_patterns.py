"""No regular expression of the project takes more than linear time for any text."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from sandbox.athena.statements import dispatch
from scripts.core.proposed_types import PROPOSED
from scripts.core.views import CASTS
from scripts.stacks import STACKS
from tests.ambiguity import FULLMATCH, MATCH, SEARCH, witness
from tests.expressions import ROOT, expressions, modules
from tests.templates.resolver import shipped_template

# Patterns that the syntax tree does not contain, with the reason why each is safe.
BUILT_FROM_VALUES = {
    "sandbox/athena/statements/ddl.py: shape": "a folder per partition key, each up to the next `/`",
    "sandbox/athena/statements/dispatch.py: compiled": "the forms, which a test below checks",
    "sandbox/athena/statements/show.py: compiled": "the user's own pattern, over the names of tables",
    "sandbox/crawler/paths.py: ''.join(parts)": "the crawler's own exclusions, over keys of 1,024 bytes",
    "scripts/build/regions.py: f'^([ ]*){_comment(path)} {re.escape(name)}: {edge}\\\\n'": "our own files",
    "scripts/build/regions.py: marks": "our own files",
    "scripts/build/single_account.py: f'!Ref \"?{name}\"?(?!\\\\w)'": "our own templates",
    "scripts/build/single_account.py: f'(Ref:? \"?|\\\\$\\\\{{){name}\\\\b'": "our own templates",
    "scripts/build/single_account.py: pattern.replace(' ', '\\\\s+')": "our own templates",
    "transform_lambda/names.py: f\"([{''.join(characters)}]+)\"": "one class of characters, repeated once",
    "scripts/core/template.py: pattern": "the templates' AllowedPattern, which a test below checks",
}
SQL_PATTERN = re.compile(r"\bregexp_\w+\([^(),']*, '((?:[^']|'')*)'")


@pytest.mark.parametrize(
    ("pattern", "use"),
    [
        (r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", FULLMATCH),  # was in the row code
        (r"(a*)*b", MATCH),
        (r"(?:a|ab|b)*c", MATCH),
        (r"(?:x?y?)*z", MATCH),
        (r"([a-z])\1*[a-z]*!", MATCH),
        (r"(?i)a*A*b", MATCH),
        (r"a*a*", FULLMATCH),
        (r"a*(?=a*b)a*c", MATCH),
        (r"(?=a*a*b)", MATCH),
        (r".*foo.*bar", FULLMATCH),
        (r"(?:a{0,127})*b", MATCH),
        (r"\s+$", SEARCH),
        (r"'(?:[^']|'')*'", SEARCH),
        (r"(?:a*b)?", SEARCH),
        (r"(?m)^\s*#.*;", SEARCH),
    ],
)
def test_a_slow_pattern_is_found(pattern: str, use: str) -> None:
    """Two adjacent repeats with a common character, a repeat inside a repeat, or a search."""
    assert witness(pattern, 0, use) is not None


@pytest.mark.parametrize(
    ("pattern", "use"),
    [
        (r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", FULLMATCH),
        (r"'(?:[^']|'')*'", MATCH),
        (r"(?:a|b)*c", MATCH),
        (r".*a[^a]*b", MATCH),  # the second repeat can start only after the last `a`
        (r"x{3,5}x{2,9}y", MATCH),
        (r"a*a*", MATCH),  # it cannot fail
        (r"(?s)(.*)>(.*)", FULLMATCH),  # after `>` it cannot fail
        (r"\w+", SEARCH),
        (r"'[^']*'", SEARCH),  # a match that begins at a quote ends at the next quote
        (r"^\s+$", SEARCH),
        (r"(?m)^x+$", SEARCH),
        (r"(?:^|,)\s*(\w+)", SEARCH),
        (r'version "(\d+)', SEARCH),
    ],
)
def test_a_linear_pattern_is_accepted(pattern: str, use: str) -> None:
    """Otherwise nobody could follow the rule."""
    assert witness(pattern, 0, use) is None


def slow(where: str, text: str | bytes, flags: int, uses: tuple[str, ...]) -> Iterator[str]:
    """A line for each use that is not linear, with a word that proves it."""
    for use in uses:
        if (word := witness(text, flags, use)) is not None:
            yield f"{where}: {use} takes more than linear time on {word!r}, repeated"


def test_every_pattern_is_linear() -> None:
    """In the modules of every package, because users control the texts that they match."""
    found = [each for path, tree in modules().items() for each in expressions(path, tree)]
    assert len(found) > 80
    known = [(each.where, each.text, each.flags, each.uses) for each in found if each.text is not None]
    wrong = [line for each in known for line in slow(*each)]
    assert wrong == []
    assert {each.where for each in found if each.text is None} == BUILT_FROM_VALUES.keys()


def test_the_forms_of_statements_are_linear() -> None:
    """A statement has up to 262,144 bytes."""
    forms = [form.pattern for form in dispatch._FORMS]
    assert len(forms) > 20
    assert [line for each in forms for line in slow("dispatch", each.pattern, each.flags, (FULLMATCH,))] == []


def test_the_patterns_of_parameters_are_linear() -> None:
    """`deploy` uses them to check values before CloudFormation does."""
    found = {
        f"{kind}: {name}": parameter["AllowedPattern"]
        for kind in STACKS
        for name, parameter in shipped_template(kind)["Parameters"].items()
        if "AllowedPattern" in parameter
    }
    assert len(found) > 40
    assert [line for where, text in found.items() for line in slow(where, text, 0, (FULLMATCH,))] == []


def test_the_patterns_of_sql_are_linear() -> None:
    """Athena's engine matches by backtracking, and a value may be as long as an item."""
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in sorted(ROOT.glob("athena/**/*.sql"))}
    texts |= {f"proposed {name}": condition.format("x") for name, condition in PROPOSED.items()}
    texts |= {f"cast to {name}": condition.format("x") for name, condition in CASTS.items()}
    found = [  # the end of the text is \z in Athena and \Z in Python
        (where, each.replace(r"\z", r"\Z"))
        for where, text in texts.items()
        for each in SQL_PATTERN.findall(text)
    ]
    assert len(found) == sum(text.count("regexp_") for text in texts.values()) >= 6
    assert [line for where, text in sorted(set(found)) for line in slow(where, text, 0, (SEARCH,))] == []
