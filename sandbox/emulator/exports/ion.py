"""Amazon Ion text of attribute values.

AWS facts (DynamoDB developer guide, "DynamoDB table export output format", Amazon Ion)
- Ion text, one value per line, each line with the version marker `$ion_1_0`.
- S is a string, BOOL a bool, N a decimal, B a blob, L a list, M a struct; SS, NS and BS are lists with the
  annotation `$dynamodb_SS`, `$dynamodb_NS` or `$dynamodb_BS`. The page does not list NULL: here it is
  `null` [unverified].
- A number without a fraction has a trailing dot (`103.`): without it, Ion reads an int.

Ion's own rules: the Ion 1.0 specification (amazon-ion.github.io/ion-docs).
"""

import re
from typing import Any

VERSION = "$ion_1_0 "
_SYMBOL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_KEYWORDS = frozenset({"null", "true", "false", "nan"})
_ESCAPED = re.compile(r'["\'\\\x00-\x1f\x7f]')
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t", '"': r"\"", "'": r"\'", "\\": r"\\"}


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return _SHORT.get(character) or f"\\x{ord(character):02x}"


def string(text: str) -> str:
    """A string in double quotes."""
    return f'"{_ESCAPED.sub(_escape, text)}"'


def field_name(name: str) -> str:
    """A field name: a symbol, in single quotes where a bare one would not be a symbol."""
    if _SYMBOL.fullmatch(name) and name not in _KEYWORDS:
        return name
    return f"'{_ESCAPED.sub(_escape, name)}'"


def decimal(number: str) -> str:
    """A number of DynamoDB as a decimal, with all its digits."""
    mantissa, mark, exponent = number.upper().partition("E")
    if mark:
        return f"{mantissa}d{int(exponent)}"
    return mantissa if "." in mantissa else f"{mantissa}."


def _blob(base64: str) -> str:
    return f"{{{{{base64}}}}}"


_SCALARS = {"S": string, "N": decimal, "B": _blob}
_SETS = {"SS": string, "NS": decimal, "BS": _blob}


def value(attribute: dict[str, Any]) -> str:
    """An attribute value of DynamoDB JSON as Ion text."""
    kind, content = next(iter(attribute.items()))
    if kind in _SCALARS:
        return _SCALARS[kind](content)
    if kind in _SETS:
        return f"$dynamodb_{kind}::[{','.join(map(_SETS[kind], content))}]"
    if kind == "L":
        return f"[{','.join(map(value, content))}]"
    if kind == "M":
        return struct(content)
    return "null" if kind == "NULL" else str(bool(content)).lower()


def struct(attributes: dict[str, Any]) -> str:
    """An item, a key or a map as a struct."""
    return f"{{{','.join(f'{field_name(name)}:{value(found)}' for name, found in attributes.items())}}}"
