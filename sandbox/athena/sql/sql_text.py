"""A DuckDB expression with its Trino type, and the renderer's interface for functions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.athena.sql.trino_types import Type


def unchanged(text: str) -> str:
    """No wrapping."""
    return text


@dataclass
class Sql:
    """A DuckDB expression and its Trino type. `wrap` goes around an aggregate's OVER and FILTER as well."""

    text: str
    type: Type
    constant: str | None = None  # a text literal's value
    wrap: Callable[[str], str] = unchanged
    windowed: bool = False  # a function that needs OVER

    def whole(self) -> "Sql":
        """The expression with its wrapping."""
        return Sql(self.wrap(self.text), self.type, self.constant)


class Renderer(Protocol):
    """Renders the expressions of one SELECT. `safe` is set inside TRY: a failing expression is NULL."""

    safe: bool
    variables: dict[str, Sql]  # the parameters of the enclosing lambdas, as they are written

    def render(self, node: Any) -> Sql:
        """The node as DuckDB SQL with its type."""
        ...

    def as_type(self, value: Sql, target: Type) -> str:
        """The value cast to a type that it is known to fit."""
        ...

    def unify(self, values: list[Sql], subject: str, node: Any) -> tuple[list[str], Type]:
        """The values in their common type."""
        ...

    def compare(self, left: Sql, right: Sql, operator: str, node: Any) -> str:
        """A comparison of two values in their common type."""
        ...

    def ordered(self, item: Any) -> str:
        """One ORDER BY item."""
        ...


Build = Callable[[Renderer, list[Sql], Any], Sql]
