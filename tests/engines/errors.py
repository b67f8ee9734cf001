"""Why an engine is not there."""


class LeftOutError(Exception):
    """This machine cannot have the engine: the message is one line with the reason and the next step."""


class AssemblyError(Exception):
    """What was downloaded is not the engine these tests were written against."""
