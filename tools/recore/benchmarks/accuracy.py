"""Compare the accuracy of our model and of the field's usual methods on real spectra.

Examples:
    python tools/recore/benchmarks/accuracy.py --limesoda
    python tools/recore/benchmarks/accuracy.py --public public.csv.gz --private private.csv.gz --actual actual.csv.gz

--limesoda selects the 15 sets of soil spectra in LimeSoDa (Schmidinger et al. 2025), whose targets are organic carbon
or organic matter, pH and clay. `make setup-dev` installs the sets, which are not a part of this project (CC BY-SA 4.0).
The score of a set is the mean R2 of the three targets on the held-out rows of the package's own ten folds.

For files, the score is the challenge's, with its weights rescaled to the targets that were measured. Each site (or,
with more than ten sites, each fifth of them) is predicted by a model trained on the other sites. The private rows are
predicted by a model trained on the public rows.

Methods choose their parameters within the training rows. The table ends with the mean of its rows, and with the mean
and lowest difference in score between our model and each other method.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[variable] = "1"  # the matrices are small

import numpy as np
import pandas as pd
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut, PredefinedSplit

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tools/recore")]

from preprocess import DataError
from score import WEIGHTS
from score import DataError as ScoreError

from benchmarks.methods import METHODS, PEERS, Data, predict, read_files

SETS = (
    "CV.98 H.138 MG.44 NRW.115 NRW.42 NRW.62 O.32 RP.62 SA.112 SC.93 SL.125 SP.231 SSP.460 SSP.58 UL.120"
).split()  # the sets of LimeSoDa that have spectra
MAX_SINGLE_SITES = 10  # up to this number, sites are held out one at a time
Folds = list[tuple[np.ndarray, np.ndarray]]  # rows to train on, and rows that are held out


def main() -> None:
    arguments = parse()
    names = [name for name in METHODS if name not in PEERS or name in arguments.peers]
    print(f"| R2 | {' | '.join(names)} |")
    print("|---" * (len(names) + 1) + "|")
    scores = {}
    for row, data, folds in limesoda(arguments.limesoda) if arguments.public is None else make_splits(arguments):
        predicted = hold_out(data, folds, arguments.peers)
        scores[row] = pd.Series({name: score(data.targets, values) for name, values in predicted.items()})
        show(row, scores[row])
    table = pd.DataFrame(scores).T
    show("mean", table.mean())
    ahead = table.rsub(table["ours"], axis=0)
    show("mean lead of ours", ahead.mean(), "+.3f")
    show("lowest lead of ours", ahead.min(), "+.3f")


def parse() -> argparse.Namespace:
    """Parse the arguments, or exit with status 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--limesoda", nargs="*", choices=SETS, help="sets of LimeSoDa (all)")
    parser.add_argument(
        "--peers", nargs="*", choices=PEERS, help="other methods (all; without --public, all but pls-snv)"
    )
    data.add_argument("--public", type=Path, metavar="FILE", help="data file with assays")
    parser.add_argument("--private", type=Path, metavar="FILE", help="data file without assays; requires --actual")
    parser.add_argument("--actual", type=Path, metavar="FILE", help="assays of the private file's rows")
    arguments = parser.parse_args()
    if bool(arguments.private) != bool(arguments.actual) or (arguments.private and not arguments.public):
        parser.error("--private and --actual require each other and --public")
    if arguments.peers is None:  # for the 15 sets, PLS takes several times as long as everything else
        arguments.peers = [name for name in PEERS if arguments.public or name != "pls-snv"]
    return arguments


def limesoda(names: list[str]) -> Iterator[tuple[str, Data, Folds]]:
    """Yield the name, data and folds of each LimeSoDa set."""
    import LimeSoDa

    for name in names or SETS:
        contents = LimeSoDa.load_dataset(name)
        table, folds = contents["Dataset"], contents["Folds"].ravel()
        spectra = table.filter(regex="^(wl|wn)_")  # some sets also have other measurements
        channels = spectra.columns.str[3:].to_numpy(float)
        targets = table.filter(regex="_target$").reset_index(drop=True)
        data = Data(channels, spectra.to_numpy(float), targets, np.arange(len(table)))
        yield name, data, list(PredefinedSplit(folds).split())


def make_splits(arguments: argparse.Namespace) -> Iterator[tuple[str, Data, Folds]]:
    """Yield the name, data and folds of each way to hold out rows. Raises DataError if the files are unusable."""
    data, private = read_files(arguments.public, arguments.private, arguments.actual)
    sites = len(set(data.sites))
    if sites > 1:
        folds = LeaveOneGroupOut() if sites <= MAX_SINGLE_SITES else GroupKFold(5)
        yield "by site", data, list(folds.split(data.spectra, groups=data.sites))
    elif not private.any():
        raise DataError(f"{arguments.public}: there is only one site (SiteID), so none can be held out")
    if private.any():
        yield "public to private", data, [(np.flatnonzero(~private), np.flatnonzero(private))]


def hold_out(data: Data, folds: Folds, peers: list[str]) -> dict[str, pd.DataFrame]:
    """Return each method's predictions with data.targets' rows and columns. Rows that were not predicted are NaN."""
    predicted: dict[str, pd.DataFrame] = {}
    for training, held_out in folds:
        for name, values in predict(data.take(training), data.take(held_out), peers).items():
            empty = pd.DataFrame(np.nan, data.targets.index, data.targets.columns)
            predicted.setdefault(name, empty).loc[held_out, values.columns] = values.to_numpy()
    return predicted


def score(targets: pd.DataFrame, predicted: pd.DataFrame) -> float:
    """Return the mean R2 of the targets, weighted as in the challenge; other targets have a weight of 1.

    Only rows that were measured and predicted count. Raises DataError if no target has two of these rows.
    """
    known = targets.notna() & predicted.notna()
    names = [name for name in targets if known[name].sum() > 1]
    if not names:
        raise DataError("no target was measured in enough rows to be scored")
    r2 = [r2_score(targets.loc[known[name], name], predicted.loc[known[name], name]) for name in names]
    return float(np.average(r2, weights=[WEIGHTS.get(name, 1.0) for name in names]))


def show(row: str, scores: pd.Series, form: str = ".3f") -> None:
    print(f"| {row} | {' | '.join(format(value, form) for value in scores)} |", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (DataError, ScoreError, OSError, KeyboardInterrupt) as error:
        sys.exit(f"accuracy.py: {str(error) or 'interrupted'}")
