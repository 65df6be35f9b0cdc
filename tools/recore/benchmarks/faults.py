"""Do the tests find faults? Puts the faults of fault_list.py into copies of a commit, one at a time, and runs pytest.

    python tools/recore/benchmarks/faults.py --json faults.json

For each fault the tests of its area run until one fails, in the environment of this Python. A fault is caught if that
test passes without it: tests that fail anyway do not count. What is not committed is not measured, apart from the list.
A fault whose file a commit does not have, or whose line is not in it exactly once, ends the program.

To compare two commits, or two selections of tests, measure both into the same file; its table has them side by side,
and what was measured before, or until the program was stopped, is not measured again:

    python tools/recore/benchmarks/faults.py --json faults.json --commit HEAD~20
    python tools/recore/benchmarks/faults.py --json faults.json --first
    python tools/recore/benchmarks/faults.py --json faults.json --commit HEAD --marker "not (timing or fuzz or machine)"
"""

import argparse
import json
import os
import runpy
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.fault_list import AREAS, FAULTS, Fault
from benchmarks.fault_measuring import (
    CAUGHT,
    ROOT,
    TIME_OVER,
    UNDECIDED,
    Interrupted,
    Measurement,
    Result,
    commit_of,
    edited,
    text_at,
)

GATE = runpy.run_path(str(ROOT / ".ci/gate.py"))
MARKERS: str = GATE["MARKERS"]
Entry = dict[str, Any]  # a result, with the commit, the selection of tests, the fault's name and its new line


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commit", default="HEAD", help="what is measured (%(default)s)")
    parser.add_argument("--marker", default=MARKERS, help="pytest's -m (%(default)s)")
    parser.add_argument("--first", action="store_true", help="run only the tests of `make test`")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="faults or areas whose names contain one of these")
    parser.add_argument("--jobs", type=int, default=2, help="faults at a time (%(default)s)")
    parser.add_argument("--limit", type=float, default=3600, help="seconds for each fault (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep results here; those in it are not repeated")
    parser.add_argument("--at-least", type=int, metavar="N", help="exit status 1 if fewer are caught")
    parser.add_argument("--baseline", action="store_true", help="run the areas' tests once without a fault instead")
    arguments = parser.parse_args()
    faults = [fault for fault in FAULTS if not arguments.only or is_named(fault, arguments.only)]
    if not faults:
        parser.error("--only: no fault and no area has such a name")
    try:
        commit = commit_of(arguments.commit)
    except subprocess.CalledProcessError:
        parser.error(f"--commit: there is no commit {arguments.commit} in this repository")
    try:
        later = later_files(commit) if arguments.first else []
    except ValueError as error:
        parser.error(f"--first: {error}")
    measurement = Measurement(commit, arguments.marker, arguments.limit, later)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if arguments.baseline:
        return run_baseline(measurement, [area for area in AREAS if any(area == each.area for each in faults)])
    check(faults, commit)
    entries = measure(measurement, faults, arguments.jobs, arguments.json)
    print(make_table(entries, faults))
    now = [each for each in entries if is_of(each, measurement) and each["fault"] in {fault.name for fault in faults}]
    caught = sum(map(is_caught, now))
    print(f"\n{caught} of {len(now)} faults are caught in {commit[:12]}.")
    return int(arguments.at_least is not None and caught < arguments.at_least)


def later_files(commit: str) -> list[str]:
    """Return the test files that a commit leaves to `make test-tools`. Raises ValueError if it has no list of them."""
    return [file for name in GATE["LATER"] for file in GATE["later_files"](name, text_at(commit, name))]


def is_named(fault: Fault, words: list[str]) -> bool:
    return any(word in fault.name or word in fault.area for word in words)


def check(faults: list[Fault], commit: str) -> None:
    """End the program if a fault cannot be put into the commit, before anything is measured."""
    for fault in faults:
        try:
            edited(text_at(commit, fault.file), fault)
        except ValueError as error:
            sys.exit(f"faults.py: {fault.name}: {error}")


def run_baseline(measurement: Measurement, areas: list[str]) -> int:
    """Print which tests of the areas fail without a fault. Returns the exit status, 1 if any does."""
    failing = False
    for area in areas:
        result = measurement.baseline(area)
        failing |= bool(result.failing) or result.outcome == TIME_OVER
        print(f"{area}: {result.outcome}: {len(result.failing)} failed in {result.seconds:.0f} s", flush=True)
        for test in result.failing:
            print(f"  {test}", flush=True)
    return int(failing)


def measure(measurement: Measurement, faults: list[Fault], jobs: int, file: Path | None) -> list[Entry]:
    """Return all results in the file and those of the faults that it lacks; each is saved as soon as it is there."""
    entries: list[Entry] = json.loads(file.read_text("utf-8")) if file and file.exists() else []
    lines = {(fault.name, fault.new) for fault in FAULTS}  # a result with a different line does not apply
    decided = [each for each in entries if (each["fault"], each["line"]) in lines and each["outcome"] not in UNDECIDED]
    known = {each["fault"] for each in decided if is_of(each, measurement)}
    missing = [fault for fault in faults if fault.name not in known]
    entries = [each for each in entries if each in decided or not is_of(each, measurement)]
    began = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(measurement.measure, fault): fault for fault in missing}
        try:
            for number, future in enumerate(as_completed(futures), 1):
                fault, result = futures[future], future.result()
                place = {"commit": measurement.commit, "marker": measurement.selection}
                entries.append(place | {"fault": fault.name, "line": fault.new} | asdict(result))
                if file:
                    keep(entries, file)
                say(f"{number}/{len(missing)} {time.monotonic() - began:6.0f} s  {fault.name}: {describe(result)}")
        except BaseException as error:
            measurement.stop()
            pool.shutdown(cancel_futures=True)
            if not isinstance(error, KeyboardInterrupt | Interrupted):
                raise
            say("interrupted; what was measured so far is kept" if file else "interrupted")
            sys.exit(130)
    return entries


def keep(entries: list[Entry], file: Path) -> None:
    """Write the results, all or none, so that the file is complete whenever the program is killed."""
    part = file.with_name(f"{file.name}.part")
    part.write_text(json.dumps(entries, indent=1) + "\n", "utf-8")
    os.replace(part, file)


def is_of(entry: Entry, measurement: Measurement) -> bool:
    """Return whether a result belongs to this commit with these tests."""
    return (entry["commit"], entry["marker"]) == (measurement.commit, measurement.selection)


def is_caught(entry: Entry) -> bool:
    return bool(entry["outcome"] == CAUGHT)


def describe(result: Result) -> str:
    found = f"{result.outcome} by {result.test}" if result.test else result.outcome
    also = f"; these fail without it, too: {', '.join(result.failing)}" if result.failing else ""
    return f"{found} after {result.seconds:.0f} s{also}"


def make_table(entries: list[Entry], faults: list[Fault]) -> str:
    """Return a table of the faults, with two columns for each commit and selection of tests."""
    series = list(dict.fromkeys((each["commit"], each["marker"]) for each in entries))
    results = {(each["commit"], each["marker"], each["fault"]): each for each in entries}
    head = ["area", "fault"]
    for commit, selection in series:
        head += [f'{commit[:12]}, -m "{selection}": caught by', "s"]
    lines = [head, ["---"] * len(head)]
    for fault in faults:
        row = [fault.area, fault.name]
        for place in series:
            entry = results.get((*place, fault.name))
            row += [entry["test"] or entry["outcome"], f"{entry['seconds']:.0f}"] if entry else ["not measured", ""]
        lines.append([cell.replace("|", "\\|") for cell in row])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def say(line: str) -> None:
    print(f"faults: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
