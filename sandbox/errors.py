"""What goes wrong in the sandbox, said so that a person knows the next step."""

from lake.terminal import tell

BROKEN = 125  # the exit code that `timeout` and `env` of coreutils have when they failed, not the command


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
