"""The submission's own modules take long to import. Each worker of the server imports them when it starts, and so does
each training job, so all of them wait. The time is measured where the model is served, by what Python itself reports
for each module. What libraries need for their own imports does not count, and the finding is for modules that take more
than ten seconds and longer than all libraries together, so a slow machine alone causes none.

    TABLE = [simulate(number) for number in range(100_000)]   # at the top level of train.py

Fix: do the work in fit(), and keep its result in the model.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from recore.check.experiments import Experiments
from recore.check.rule import Finding, Level, Place, rule

FIX = "Do the work in fit(), and keep its result in the model"
SECONDS = 10.0
LARGEST, LONGEST_LINE = 64 << 20, 1000  # bytes of the log and of a line that are read
LINE = re.compile(rb"import time: +(\d{1,12}) \| +\d+ \| +([\w.]+)\s*$")


@rule("RC407", "The submission's modules are imported quickly", needs=("RC405",))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    files = {module_of(name): name for name in experiments.submission.files if name.endswith(".py")}
    own, others = read_import_times(experiments.serving().log, set(files))
    if not own or sum(own.values()) < max(SECONDS, others):
        return
    slowest = max(own, key=lambda name: own[name])
    message = (
        f"The submission's own modules take {sum(own.values()):.0f} s to import ({slowest} alone takes "
        f"{own[slowest]:.0f} s), and the libraries {others:.0f} s: each server worker and each job waits for them"
    )
    yield Finding(message, FIX, Place(files[slowest]), Level.WARNING)


def module_of(file: str) -> str:
    """The name by which a file of the submission is imported."""
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def read_import_times(log: Path, modules: set[str]) -> tuple[dict[str, float], float]:
    """Seconds that each of these modules took to import without what it imports, and those of all other modules.

    log: of a server that Python's option -X importtime writes them into. It is untrusted.
    """
    own: dict[str, float] = {}
    others: dict[str, float] = {}
    with open(log, "rb") as file:
        while file.tell() < LARGEST and (line := file.readline(LONGEST_LINE)):
            if found := LINE.match(line):
                name = found[2].decode()
                times = own if name in modules else others
                times[name] = int(found[1]) / 1e6
    return own, sum(others.values())
