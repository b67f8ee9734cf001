"""Settings for every test: a terminal without colours, no AWS settings, and Hypothesis's number of examples.

The default number finds most bugs and is small enough for `make test`. HYPOTHESIS_PROFILE=long tries fifty
times as many examples.
"""

import atexit
import gc
import os

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
