"""The key schema of the restored table: from the source table, or as the user names it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from scripts.core.console import EXIT_USAGE, CommandError
from transform_lambda.values import Image

_KEY = re.compile(r"(?P<name>.{1,255}):(?P<type>[SNB])", re.DOTALL)


@dataclass(frozen=True)
class KeySchema:
    """The names and types of the partition key and, if there is one, the sort key."""

    keys: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> KeySchema:
        """The schema of a text such as `pk:S` or `pk:S,sk:N`, partition key first. Raises CommandError."""
        found = [_KEY.fullmatch(part) for part in text.split(",")]
        keys = tuple((match["name"], match["type"]) for match in found if match)
        if len(keys) != len(found) or len(keys) > 2 or len({name for name, _ in keys}) != len(keys):
            raise CommandError(
                f"--key-schema: {text} is not a key schema",
                "Write NAME:TYPE with the type S, N or B, the partition key first: pk:S or pk:S,sk:N.",
                exit_code=EXIT_USAGE,
            )
        return cls(keys)

    @classmethod
    def of_table(cls, description: dict[str, Any]) -> KeySchema:
        """The schema of a table that DescribeTable describes."""
        types = {each["AttributeName"]: each["AttributeType"] for each in description["AttributeDefinitions"]}
        schema = sorted(description["KeySchema"], key=lambda key: key["KeyType"] != "HASH")
        return cls(tuple((key["AttributeName"], types[key["AttributeName"]]) for key in schema))

    def fits(self, keys: Image) -> bool:
        """Whether keys in DynamoDB JSON have exactly these names and types."""
        return len(keys) == len(self.keys) and all(
            name in keys and next(iter(keys[name])) == kind for name, kind in self.keys
        )

    def request(self) -> dict[str, Any]:
        """The part of a CreateTable request."""
        return {
            "KeySchema": [
                {"AttributeName": name, "KeyType": kind}
                for (name, _), kind in zip(self.keys, ("HASH", "RANGE"), strict=False)
            ],
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": kind} for name, kind in self.keys
            ],
        }

    def __str__(self) -> str:
        """As --key-schema takes it."""
        return ",".join(f"{name}:{kind}" for name, kind in self.keys)
