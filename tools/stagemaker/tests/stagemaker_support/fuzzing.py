"""The number of generated examples: a few constant ones, or RECORE_FUZZ times as many random ones.

The project's gate must give the same result every time, so its examples depend only on the tests. `make test-fuzz`
sets RECORE_FUZZ to try more examples. A failure is printed with the setting that reproduces it.
"""

import os
from random import Random

from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

TIMES = int(os.environ.get("RECORE_FUZZ", "1"))

# No deadline or health check is set: the time that an example takes says more about the machine than about the test.
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
    # Hypothesis also tries constants from all loaded modules, and those depend on the tests that ran before. There is
    # no setting for this; recore/test_fuzzing.py fails if this line no longer has an effect.
    providers._get_local_constants = lambda: providers._local_constants


def examples(count: int) -> settings:
    """Return a decorator that runs a test with this number of examples, multiplied by RECORE_FUZZ if it is set."""
    return settings(max_examples=count * TIMES)


def generator(name: str) -> Random:
    """Return a random number generator and print its seed, which is constant unless RECORE_FUZZ is set."""
    seed = name if TIMES == 1 else f"{name} {Random().getrandbits(64)}"
    print(f"random numbers: Random({seed!r})")
    return Random(seed)
