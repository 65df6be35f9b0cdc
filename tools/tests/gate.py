"""The gate: every test that gives the same result each time and needs nothing but what `make test` installs.

    python tools/tests/gate.py [--first | --later] [PYTEST_ARGUMENT ...] FOLDER

--first leaves out the test files that tools/tests/later.txt lists, --later runs only those: `make test`, a newcomer's,
is to take at most 600 seconds of processor time, and `make test-tools` runs what it left out.

If at most three tests fail, they run once more, alone. A test that then passes is listed as unstable with its first
failure. Its cause must still be found, but the gate passes. In every other case, the exit status is pytest's.
At the end, the gate prints how long the tests of each folder took, and the processor time of all.
"""

import json
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

MARKERS = "not (slow or timing or fuzz or machine)"
LATER = Path(__file__).with_name("later.txt")
# Pytest's exit status if tests ran and some failed. Any other positive status means that the run itself failed.
FAILED = 1
MAX_REPEATED = 3  # if more tests than this fail, none is repeated, because the change must be at fault
HANG_SECONDS = 600  # after this time, a test's worker ends with a traceback of each thread


def main(arguments: list[str]) -> int:
    """Run the gate and return its exit status."""
    if arguments and arguments[0] in ("--first", "--later"):
        arguments = choose_files(*arguments)
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder, "results.xml")
        command = [sys.executable, "-m", "pytest", "-m", MARKERS, "-o", f"cache_dir={folder}/cache"]
        command += ["-o", f"faulthandler_timeout={HANG_SECONDS}", "-o", "faulthandler_exit_on_timeout=true", *arguments]
        status = subprocess.run([*command, f"--junitxml={results}"], check=False).returncode
        if results.exists():
            print_seconds(results)
        failed = failures(Path(folder, "cache"))
        is_repeated = status == FAILED and 0 < len(failed) <= MAX_REPEATED
        if not is_repeated or not all("::" in test for test in failed):  # a module that cannot be imported has no tests
            return status
        print(f"\nrunning again, alone: {', '.join(failed)}", flush=True)
        second_run = subprocess.run(
            [*command, "--last-failed", "--last-failed-no-failures", "none", "-n", "0"], check=False
        )
        if second_run.returncode == 0:
            print_unstable(results, len(failed))
        return second_run.returncode


def later_files() -> list[str]:
    """Return the test files that `make test` leaves to `make test-tools`. Lines that begin with # are comments."""
    return [line for line in LATER.read_text("utf-8").splitlines() if line and not line.startswith("#")]


def choose_files(part: str, *arguments: str) -> list[str]:
    """Return pytest's arguments for a part of the gate; the last one given is the folder."""
    if part == "--first":
        return [*arguments, *(f"--ignore={file}" for file in later_files())]
    *options, folder = arguments
    files = [file for file in later_files() if file.startswith(f"{folder}/")]
    if not files:
        sys.exit(f"gate.py: {LATER.name} lists no test of {folder}")
    return [*options, *files]


def failures(cache: Path) -> list[str]:
    """Return the tests that failed, as pytest's cache lists them for --last-failed."""
    path = cache / "v/cache/lastfailed"
    return list(json.loads(path.read_text())) if path.exists() else []


def print_seconds(results: Path) -> None:
    """Print how long the tests of each folder took. With several workers, the sum exceeds the elapsed time."""
    seconds: Counter[str] = Counter()
    for case in ElementTree.parse(results).iter("testcase"):
        module = case.get("classname", "").split(".")  # tests.simulator.test_chains, or tests.test_cli
        seconds["/".join(module[:2] if len(module) > 2 else module[:1])] += float(case.get("time", 0))
    print("\nseconds that the tests took, by folder:")
    for folder, total in seconds.most_common():
        print(f"{total:8.1f}  {folder}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"processor seconds: {used.ru_utime + used.ru_stime:.0f}", flush=True)


def print_unstable(results: Path, number: int) -> None:
    """Print the first failures of tests that passed when they ran alone."""
    print(f"\nunstable tests: {number} failed at first and then passed alone. Find the cause:")
    for case in ElementTree.parse(results).iter("testcase"):
        for failure in [*case.iter("failure"), *case.iter("error")]:
            print(f"\nunstable {case.get('classname')}.{case.get('name')}\n{failure.text}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
