"""Conditions of a WHERE as PyIceberg's expressions, so that its plan leaves files out.

Only conditions are converted for which Iceberg and Trino agree: comparisons of a text, integer or boolean
column with a constant. The query itself still checks every row.
"""

from collections.abc import Callable
from typing import Any

from pyiceberg import expressions as ie
from sqlglot import exp

from sandbox.athena.iceberg.table import Column, IcebergTable
from sandbox.athena.sql.trino_types import Type

Constant = tuple[Type, Any]
Evaluate = Callable[[exp.Expr], Constant | None]  # the value of an expression without columns

_COMPARISONS: dict[type[exp.Expr], Any] = {
    exp.EQ: ie.EqualTo,
    exp.LT: ie.LessThan,
    exp.LTE: ie.LessThanOrEqual,
    exp.GT: ie.GreaterThan,
    exp.GTE: ie.GreaterThanOrEqual,
}
_MIRRORED: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.EQ: exp.EQ,
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
}
# PyIceberg's expressions take a name and a value; their declared signatures are those of pydantic.
_is_null: Any = ie.IsNull
_not_null: Any = ie.NotNull
_in: Any = ie.In
_starts_with: Any = ie.StartsWith
_WILDCARDS = ("%", "_", "\\")


def row_filter(table: IcebergTable, conjuncts: list[exp.Expr], evaluate: Evaluate) -> ie.BooleanExpression:
    """What the conjuncts require of a row, as far as it can be said; every row of the result fulfils it."""
    found: ie.BooleanExpression = ie.AlwaysTrue()
    for conjunct in conjuncts:
        converted = _Conversion(table, evaluate).convert(conjunct)
        if converted is not None:
            found = ie.And(found, converted)
    return found


class _Conversion:
    def __init__(self, table: IcebergTable, evaluate: Evaluate) -> None:
        self._table = table
        self._evaluate = evaluate

    def convert(self, node: Any) -> ie.BooleanExpression | None:  # noqa: PLR0911  one return per kind
        """The condition, or a weaker one; None when nothing is known."""
        while isinstance(node, exp.Paren):
            node = node.this
        if isinstance(node, exp.And):
            sides = [side for side in map(self.convert, (node.left, node.right)) if side is not None]
            return ie.And(*sides) if len(sides) == 2 else (sides[0] if sides else None)
        if isinstance(node, exp.Or):
            left, right = self.convert(node.left), self.convert(node.right)
            return ie.Or(left, right) if left is not None and right is not None else None
        if type(node) in _COMPARISONS:
            return self._comparison(node)
        if isinstance(node, exp.Between):
            return self._between(node)
        if isinstance(node, exp.In):
            return self._in(node)
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            column = self._column(node.this)
            return _is_null(column.name) if column else None
        if isinstance(node, exp.Not) and isinstance(node.this, exp.Is):
            column = self._column(node.this.this) if isinstance(node.this.expression, exp.Null) else None
            return _not_null(column.name) if column else None
        if isinstance(node, exp.Like) and not node.args.get("negate"):
            return self._prefix(node)
        return None

    def _column(self, node: Any) -> Column | None:
        return self._table.columns.get(node.name) if type(node) is exp.Column else None

    def _value(self, column: Column, node: Any) -> Any:
        """The constant of a comparison with this column; None when there is none of its type."""
        if node is None or node.find(exp.Column, exp.Query) is not None:
            return None
        constant = self._evaluate(node)
        if constant is None or constant[1] is None:
            return None
        kind, value = constant
        wanted = str(column.kind)
        fits = (
            (wanted == "string" and kind.is_text and type(value) is str)
            or (wanted in ("int", "long") and kind.is_integer and type(value) is int)
            or (wanted == "boolean" and kind.base == "boolean" and type(value) is bool)
        )
        return value if fits else None

    def _comparison(self, node: Any) -> ie.BooleanExpression | None:
        operator, left, right = type(node), node.this, node.expression
        column = self._column(left)
        if column is None:
            operator, column, right = _MIRRORED[operator], self._column(right), left
        value = self._value(column, right) if column else None
        if column is None or value is None:
            return None
        if type(value) is bool and operator is not exp.EQ:
            return None
        found: ie.BooleanExpression = _COMPARISONS[operator](column.name, value)
        return found

    def _between(self, node: Any) -> ie.BooleanExpression | None:
        column = self._column(node.this)
        if column is None or node.args.get("symmetric"):
            return None
        low, high = (self._value(column, node.args.get(key)) for key in ("low", "high"))
        sides: list[ie.BooleanExpression] = []
        if low is not None:
            sides.append(_COMPARISONS[exp.GTE](column.name, low))
        if high is not None:
            sides.append(_COMPARISONS[exp.LTE](column.name, high))
        return ie.And(*sides) if len(sides) == 2 else (sides[0] if sides else None)

    def _in(self, node: Any) -> ie.BooleanExpression | None:
        column = self._column(node.this)
        if column is None or node.args.get("query") or not node.expressions:
            return None
        values = [self._value(column, item) for item in node.expressions]
        return None if any(value is None for value in values) else _in(column.name, set(values))

    def _prefix(self, node: Any) -> ie.BooleanExpression | None:
        column = self._column(node.this)
        value = self._value(column, node.expression) if column else None
        if column is None or type(value) is not str or not value.endswith("%"):
            return None
        start = value[:-1]
        if not start or any(mark in start for mark in _WILDCARDS):
            return None
        found: ie.BooleanExpression = _starts_with(column.name, start)
        return found
