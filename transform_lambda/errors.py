"""Why a record cannot become a row.

Each class is one verdict. Its name is what the function's summary log counts, so no message ever
carries a payload, an attribute name or a key.
"""


class RecordError(ValueError):
    """One record cannot become a row; its neighbours are not concerned."""


class EnvelopeError(RecordError):
    """The Firehose record has no usable `recordId` or no base64 text under `data`."""


class JsonError(RecordError):
    """The payload is not one JSON document in UTF-8 (this includes NaN, lone surrogates and depth)."""


class DuplicateNameError(RecordError):
    """An object of the payload names one member twice, so readers would disagree about it."""


class ChangeShapeError(RecordError):
    """The payload is JSON, but not a DynamoDB change record."""


class AttributeValueError(RecordError):
    """An attribute is not a DynamoDB AttributeValue: wrong type tag, wrong type, bad number, bad base64."""


class DepthError(RecordError):
    """The item is nested deeper than any DynamoDB item can be."""


class RowTooLargeError(RecordError):
    """The row alone is larger than a Lambda response: no retry and no replay can deliver it."""


class ResponseFullError(RecordError):
    """The row did not fit beside its neighbours in this response: a replay delivers it."""
