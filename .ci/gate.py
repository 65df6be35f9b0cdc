"""Run the gate: every deterministic test that needs only the packages that `make test` installs.

    python .ci/gate.py [--first | --later] FOLDER [PYTEST_ARGUMENT ...]

--first skips the test files listed in the later.txt of a distribution, and --later runs only those files. `make test`
uses --first, and `make test-tools` uses --later.

If at most three tests fail, they are rerun once, one after the other. If all of them then pass, the gate passes and
lists them as unstable, with their first failures; the causes must still be found. Otherwise, the exit status is
pytest's. The gate also prints how long the tests of each folder and of the slowest files took, and the total CPU time.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

MARKERS = "not (slow or timing or fuzz or machine or journey)"
ROOT = Path(__file__).parents[1]
LATER_LISTS = ("tools/stagemaker/tests/later.txt", "tools/recore/tests/later.txt")  # relative to ROOT
# Pytest's exit status if tests ran and some failed. Any other positive status means that the run itself failed.
FAILED = 1
MAX_REPEATED = 3  # if more tests than this fail, none is repeated, because the change must be at fault
HANG_SECONDS = 600  # after this time, a test's worker ends with a traceback of each thread
SLOWEST = 10  # files whose time is printed


def main() -> int:
    """Run the gate and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--first", action="store_true", help="skip the files listed in later.txt")
    part.add_argument("--later", action="store_true", help="run only the files listed in later.txt")
    parser.add_argument("folder", type=Path)
    chosen, arguments = parser.parse_known_args()
    later_tests = [file for name in LATER_LISTS for file in later_files(name, (ROOT / name).read_text("utf-8"))]
    later_tests = [file for file in later_tests if (ROOT / file).is_relative_to(chosen.folder.resolve())]
    if chosen.later and not later_tests:
        parser.error(f"no later.txt lists a test file in {chosen.folder}")
    files = later_tests if chosen.later else [chosen.folder]
    if chosen.first:
        arguments += [f"--ignore={file}" for file in later_tests]
    # the gate starts thousands of processes, which without bytecode would compile every import
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    status = run([*map(str, files), *arguments])
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"CPU seconds: {usage.ru_utime + usage.ru_stime:.0f}", flush=True)
    return status


def later_files(name: str, content: str) -> list[str]:
    """Return the test files listed in the later.txt at `name`, as paths relative to the repository's root."""
    lines = [line for line in content.splitlines() if line and not line.startswith("#")]
    return [(Path(name).parent / line).as_posix() for line in lines]


def run(arguments: list[str]) -> int:
    """Run pytest, rerun failed tests if they are few, and return the exit status."""
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
        print(f"\nrerunning alone: {', '.join(failed)}", flush=True)
        second_run = subprocess.run(
            [*command, "--last-failed", "--last-failed-no-failures", "none", "-n", "0"], check=False
        )
        if second_run.returncode == 0:
            print_unstable(results, len(failed))
        return second_run.returncode


def failures(cache: Path) -> list[str]:
    """Return the tests that failed, as pytest's cache lists them for --last-failed."""
    path = cache / "v/cache/lastfailed"
    return list(json.loads(path.read_text())) if path.exists() else []


def print_seconds(results: Path) -> None:
    """Print the seconds that each folder's tests and the slowest files took, added up over pytest's workers."""
    folders: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for case in ElementTree.parse(results).iter("testcase"):
        folder, _, file = case.get("classname", "").replace(".", "/").rpartition("/")  # tests.scripts.test_score
        folders[folder] += float(case.get("time", 0))
        files[f"{folder}/{file}.py"] += float(case.get("time", 0))
    for title, seconds, count in (("folder", folders, None), ("file, the slowest", files, SLOWEST)):
        print(f"\nseconds that the tests took, by {title}:")
        for name, total in seconds.most_common(count):
            print(f"{total:8.1f}  {name}")


def print_unstable(results: Path, count: int) -> None:
    """Print the failures in the first run of tests that passed when rerun alone. count: their number."""
    print(f"\nunstable tests: {count} failed at first and then passed alone. Find the cause:")
    for case in ElementTree.parse(results).iter("testcase"):
        for failure in [*case.iter("failure"), *case.iter("error")]:
            print(f"\nunstable {case.get('classname')}.{case.get('name')}\n{failure.text}")


if __name__ == "__main__":
    sys.exit(main())
