"""How far Hypothesis searches, in every test: enough to find what matters, little enough for `make test`.

HYPOTHESIS_PROFILE=long searches fifty times as far.
"""

import os

from hypothesis import HealthCheck, settings

for name, examples in (("quick", 60), ("long", 3_000)):
    settings.register_profile(
        name, max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
