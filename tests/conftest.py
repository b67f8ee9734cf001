"""Settings for every test: a terminal without colours, no AWS settings, and Hypothesis's number of examples.

After every test, the sandbox's engine has its own memory limit again.

The default number finds most bugs and is small enough for `make test`. HYPOTHESIS_PROFILE=long tries fifty
times as many examples.
"""

import atexit
import gc
import os
import sys
from collections.abc import Iterator
from functools import cache

import duckdb
import pytest
from hypothesis import HealthCheck, settings

for name, examples in (("quick", 60), ("long", 3_000)):
    settings.register_profile(
        name, max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

_SHAPING = {"CLICOLOR_FORCE", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
for name in [name for name in os.environ if name in _SHAPING or name.startswith("AWS_")]:
    del os.environ[name]
os.environ["COLUMNS"] = "80"  # also where the tests run in a terminal of their own

# The function's module calls gc.freeze(). Objects that stay frozen are never freed, and DuckDB's binding
# lists them as leaked below the result of a green run.
atexit.register(gc.unfreeze)


_LIMIT = "SELECT current_setting('memory_limit')"


@cache
def _as_shown(limit: str) -> object:
    """The limit as DuckDB shows it."""
    return duckdb.connect(":memory:", config={"memory_limit": limit}).execute(_LIMIT).fetchone()


@pytest.fixture(autouse=True)
def _memory_limit_stays() -> Iterator[None]:
    """A test that lowers the limit of the process's engine makes others fail, in some orders only."""
    yield
    module = sys.modules.get("sandbox.athena.engine.database")
    if module and module._shared:
        assert module._shared.cursor().execute(_LIMIT).fetchone() == _as_shown(module.MEMORY_LIMIT)
