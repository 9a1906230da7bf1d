"""What holds for every test."""

from hypothesis import HealthCheck, settings

# A property is true or not, whatever the machine is busy with and whatever the dice say that day.
settings.register_profile(
    "quel", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quel")
