"""Numbers as DynamoDB stores them, also from arithmetic and PartiQL.

AWS fact: "Numbers can have up to 38 digits of precision", leading and trailing zeros are trimmed (DynamoDB
developer guide, "Data types", Number). MiniStack calculates with 28 digits and stores a PartiQL parameter
unchanged.
"""

import decimal
from typing import Any

from sandbox.emulator.seam import Seam

PARSE_PARTIQL = Seam("services.dynamodb", "_parse_partiql", "34f90fe3b74ee60c")
SEAMS = (PARSE_PARTIQL,)
_DIGITS = 38


def install() -> None:
    """Calculate with 38 digits, and trim the numbers in a statement's parameters."""
    from ministack.services import dynamodb  # noqa: PLC0415  only the emulator process loads MiniStack

    decimal.DefaultContext.prec = _DIGITS  # for later threads
    decimal.getcontext().prec = _DIGITS
    parse = PARSE_PARTIQL.check()

    def parse_partiql(statement: str, parameters: Any) -> Any:
        for value in parameters or ():
            dynamodb._validate_attribute_value(
                "", value
            )  # trims in place; invalid numbers are rejected later
        return parse(statement, parameters)

    PARSE_PARTIQL.replace(parse_partiql)
