"""What holds for every test."""

from hypothesis import HealthCheck, settings

# A property is about values, not about speed: on a loaded host one example may take seconds, and so may
# drawing it. Slowness is measured in benchmarks/.
settings.register_profile(
    "any host", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("any host")
