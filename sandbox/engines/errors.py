"""The reasons why an engine cannot be used."""


class EngineMissingError(Exception):
    """The engine cannot run on this machine. The message is one line with the reason and the next step."""


class AssemblyError(Exception):
    """The downloaded files are not the pinned engine."""
