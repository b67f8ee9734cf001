"""Errors of the sandbox; each message states the problem and the next step."""

from lake.terminal import tell

BROKEN = 125  # the code of coreutils' `timeout` and `env` when they fail themselves


class SandboxError(Exception):
    """The message is the whole explanation: print it, without a traceback, and exit with code 1."""

    told = False

    def tell(self) -> None:
        """Print the message on stderr, once."""
        if not self.told:
            tell(f"error: {self}")
        self.told = True


class BrokenSandboxError(SandboxError):
    """A process of the sandbox ended while it was needed. The exit code is BROKEN."""
