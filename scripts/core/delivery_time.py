"""How long a change takes to reach the lake, for messages about a lake that has no change yet."""

from __future__ import annotations

from scripts.stacks import STACKS

BUFFERS = ("BufferIntervalSeconds", "ProcessorBufferIntervalSeconds")  # parameters whose sum is the delay
DEFAULT_SECONDS = 70  # the sum of their defaults; a test compares it with the template
# The stack is in the table's account, which may not be the caller's.
DELIVERY_TIME = (
    f"Firehose delivers a change up to about {DEFAULT_SECONDS} s after the write, or after the sum of your "
    f"{' and '.join(BUFFERS)}. With the profile of the table's account, `aws cloudformation describe-stacks "
    f"--stack-name {STACKS['producer'].stack_name} "
    "--query \"Stacks[0].Parameters[?contains(ParameterKey, 'BufferInterval')]\"` shows them."
)
