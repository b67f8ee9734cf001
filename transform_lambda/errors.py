"""The reasons why a record cannot become a row.

Each class is one reason. The function's summary log counts the class names. No message ever contains a
payload, an attribute name or a key.
"""


class RecordError(ValueError):
    """One record cannot become a row. The other records of the batch are not affected."""


class EnvelopeError(RecordError):
    """The Firehose record has no usable `recordId` or no base64 text under `data`."""


class JsonError(RecordError):
    """The payload is not one JSON document in UTF-8. Also: NaN, a lone surrogate, or nested too deep."""


class DuplicateNameError(RecordError):
    """An object of the payload has the same name twice. Readers would not agree which value counts."""


class ChangeShapeError(RecordError):
    """The payload is JSON, but not a DynamoDB change record."""


class AttributeValueError(RecordError):
    """An attribute is not a DynamoDB AttributeValue: wrong type tag, wrong type, bad number, bad base64."""


class DepthError(RecordError):
    """The item is nested deeper than any DynamoDB item can be."""


class RowTooLargeError(RecordError):
    """The row alone is larger than a Lambda response. No retry and no replay can deliver it."""


class ResponseFullError(RecordError):
    """The response had no room for this row beside the other rows. A replay delivers it."""
