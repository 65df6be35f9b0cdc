"""Imports all cases and prints the tally, then a line for each that was not right."""

import tempfile
from pathlib import Path

from recore_support.import_cases import CASES
from recore_support.import_cases.running import listing, run_case, tally


def main() -> None:
    outcomes = []
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            outcomes.append(run_case(case, Path(folder)))
    print(tally(outcomes))
    print(listing(outcomes, "wrong", "asked"))


if __name__ == "__main__":
    main()
