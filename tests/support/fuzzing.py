"""How much random search a test run does: a little and always the same, or RECORE_FUZZ times as much, at random.

The gate of the project gives the same answer every time, so its examples follow from the tests alone. `make test-fuzz`
sets RECORE_FUZZ and searches further; hypothesis prints how to repeat what it finds.
"""

import os
from random import Random

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("RECORE_FUZZ", "1"))

# No deadline and no health check: how long an example takes says more about the machine than about the test.
settings.register_profile(
    "recore", derandomize=TIMES == 1, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
settings.load_profile("recore")


def examples(number: int) -> settings:
    """Return the decorator of a test that tries so many examples in the gate, and more with RECORE_FUZZ."""
    return settings(max_examples=number * TIMES)


def generator(name: str) -> Random:
    """Return random numbers that are the same in each run of the gate, and others with RECORE_FUZZ (printed)."""
    seed = name if TIMES == 1 else f"{name} {Random().getrandbits(64)}"
    print(f"random numbers: Random({seed!r})")
    return Random(seed)
