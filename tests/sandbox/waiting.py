"""Waiting for another process."""

import time
from collections.abc import Callable
from typing import Any


def wait_until(
    condition: Callable[[], Any],
    what: str,
    seconds: float = 30.0,
    *,
    said: Callable[[], Any] = str,
    pause: float = 0.1,
) -> Any:
    """The first truthy result of the condition, called every `pause` seconds.

    A failure message includes the result of `said`.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what} {said()}"
        time.sleep(pause)
