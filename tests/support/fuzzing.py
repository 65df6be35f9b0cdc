"""How much random search a test run does: a little and always the same, or RECORE_FUZZ times as much, at random.

The gate of the project gives the same answer every time, so its examples follow from the tests alone. `make test-fuzz`
sets RECORE_FUZZ and searches further; what it finds is printed with what repeats it.
"""

import os
from random import Random

from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

TIMES = int(os.environ.get("RECORE_FUZZ", "1"))

# No deadline and no health check: how long an example takes says more about the machine than about the test.
settings.register_profile(
    "recore",
    max_examples=100 * TIMES,
    derandomize=TIMES == 1,
    print_blob=TIMES > 1,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("recore")

if TIMES == 1:
    # Hypothesis also tries constants of all modules that are loaded, and those depend on the tests that ran before.
    # There is no setting for it; tests/test_fuzzing.py fails if this has no effect any more.
    providers._get_local_constants = lambda: providers._local_constants


def examples(number: int) -> settings:
    """Return the decorator of a test that tries so many examples in the gate, and more with RECORE_FUZZ."""
    return settings(max_examples=number * TIMES)


def generator(name: str) -> Random:
    """Return random numbers that are the same in each run of the gate, and others with RECORE_FUZZ (printed)."""
    seed = name if TIMES == 1 else f"{name} {Random().getrandbits(64)}"
    print(f"random numbers: Random({seed!r})")
    return Random(seed)
