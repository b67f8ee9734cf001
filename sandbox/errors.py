"""What goes wrong in the sandbox, said so that a person knows the next step."""


class SandboxError(Exception):
    """The message is the whole explanation: print it, without a traceback, and exit with code 1."""
