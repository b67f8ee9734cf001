"""The errors of a run."""


class SettleError(Exception):
    """Something is wrong with one table or one object. The message states the next step, and never a row."""

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(f"{message}. Next: {next_step.rstrip('.')}")


class ConflictError(Exception):
    """Another run changed a table first, so nothing of this commit is in it. The run plans again."""
