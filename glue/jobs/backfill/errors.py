"""The error with which a run fails."""


class JobError(Exception):
    """The export cannot be converted. The message states the reason and the next step, and never an item."""

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(f"{message}. Next: {next_step.rstrip('.')}")
