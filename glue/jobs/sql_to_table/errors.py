"""The errors with which a run fails."""


class JobError(Exception):
    """The result cannot be written. The message states the reason and the next step, and never a value."""

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(f"{message}. Next: {next_step.rstrip('.')}")


class InputError(Exception):
    """An object cannot be read as its format. The message is one line without a value, with the next step.

    It is raised on a worker, so the driver finds it as a text in Spark's exception.
    """
