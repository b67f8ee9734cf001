"""Examples enough to find what matters, few enough to run with every `make test`."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "quick", max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "long", max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quick")
