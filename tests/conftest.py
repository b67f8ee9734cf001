"""Settings for every test: a terminal without colours, no AWS settings, and Hypothesis's number of examples.

The default number finds most bugs and is small enough for `make test`. HYPOTHESIS_PROFILE=long tries fifty
times as many examples.
"""

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
os.environ["COLUMNS"] = "80"  # also for tests that run in their own terminal
