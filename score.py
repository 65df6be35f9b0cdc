"""Step 4: score the predictions. This is the host's file: it is not uploaded, so edits change only your local score.

It defines the challenge: the targets with their weights, and the IDs. All of recore reads the challenge from here. The
platform runs this file on the raw assays and a submission's predictions; so does the Unearthed CLI, and so can you. The
score is the sum over the targets of weight x R2; a perfect prediction scores the sum of the weights. R2 ignores rows
where the target was not measured. A target with fewer than two measured rows adds nothing, and the weights are not
rescaled; the sum of the scored weights is printed. A target whose predictions are all empty, because it was never
measured in the training data, scores 0.
"""

import argparse
import json
import os
import sys

import numpy as np
import pandas as pd
from sklearn.metrics import r2_score

TITLE = "Total Re-Core"
SUBJECT = "infrared spectra of drill core"
IDS = ["DepthTo", "SiteID", "DepthFrom"]
GROUP, GROUP_NAME = "SiteID", "drill hole"  # the ID whose rows are held out together, and what it identifies
# fmt: off
WEIGHTS = {
    "AgPPM": 0.025, "AsPPM": 0.01, "AuPPM": 0.04, "BaPPM": 0.01, "BiPPM": 0.01, "CdPPM": 0.01, "CoPPM": 0.01,
    "CuPPM": 0.35, "FePCT": 0.025, "MnPPM": 0.01, "MoPPM": 0.01, "NiPPM": 0.025, "PPCT": 0.01, "PbPPM": 0.025,
    "SPPM": 0.01, "SbPPM": 0.01, "SePPM": 0.01, "SnPPM": 0.01, "SrPPM": 0.01, "TePPB": 0.01, "ThPPB": 0.01,
    "UPPB": 0.01, "VPCT": 0.01, "WPPM": 0.01, "ZnPPM": 0.025, "ZrPPM": 0.01, "BePPM": 0.01, "AlPPM": 0.025,
    "CaPPM": 0.025, "CePPM": 0.01, "CrPPM": 0.01, "CsPPM": 0.01, "GaPPM": 0.01, "GePPM": 0.01, "HfPPM": 0.01,
    "InPPM": 0.01, "KPPM": 0.025, "LaPPM": 0.01, "LiPPM": 0.01, "MgPPM": 0.025, "NaPPM": 0.025, "NbPPM": 0.01,
    "RbPPM": 0.01, "RePPM": 0.01, "ScPPM": 0.01, "TaPPM": 0.01, "TiPPM": 0.01, "TlPPM": 0.01, "YPPM": 0.01,
}
# fmt: on
UNITS: dict[str, str] = {}  # for targets whose names do not end in PPM, PPB or PCT: {"SOC": "g/kg", "pH_H2O": "pH"}
TARGETS = tuple(WEIGHTS)  # in the order of predictions


class DataError(ValueError):
    """The data are invalid; the message says where."""


def score(actual: pd.DataFrame, predicted: pd.DataFrame) -> tuple[float, np.ndarray]:
    """Score predictions against assays (NaN if not measured), both (rows, targets).

    Returns the score and R2 per target: NaN for a target with fewer than two measured rows, 0 for a target without
    predictions. Raises DataError if any other prediction of a measured assay is not a finite number.
    """
    if predicted.isna().all(axis=None):
        raise DataError("every prediction is empty")
    r2 = np.full(len(TARGETS), np.nan)
    for column, name in enumerate(TARGETS):
        cells, measured = predicted.iloc[:, column], actual[name].notna().to_numpy()
        values = pd.to_numeric(cells.astype(str) if cells.dtype == bool else cells, errors="coerce").to_numpy(float)
        invalid = np.flatnonzero(measured & ~np.isfinite(values))
        if len(invalid) and not cells.isna().all():
            location = f"predictions, row {invalid[0] + 1}, column {column + 1} ({name})"
            raise DataError(f"{location}: {str(cells.iloc[invalid[0]])[:40]!r} is not a finite number")
        if measured.sum() > 1:
            with np.errstate(over="ignore"):
                r2[column] = 0.0 if len(invalid) else r2_score(actual[name][measured], values[measured])
            if not np.isfinite(r2[column]):
                raise DataError(f"predictions, column {column + 1} ({name}): a value is too large to be squared")
    return float(np.dot(np.nan_to_num(r2), list(WEIGHTS.values()))), r2


def read_actual(path: str) -> pd.DataFrame:
    """Return the assays in a data file, (rows, targets), NaN where missing. Raises DataError if a cell is invalid."""
    fix = "create it with `recore sample --out data` or `unearthed new`"
    actual = read(path, fix, usecols=lambda name: name in TARGETS)
    if actual.empty:
        raise DataError(f"{path}: it has no rows, or no column for any of the {len(TARGETS)} targets")
    for name, cells in actual.items():
        values = pd.to_numeric(cells, errors="coerce")
        invalid = np.flatnonzero(cells.notna() & ~np.isfinite(values))
        if len(invalid):
            cell = str(cells.iloc[invalid[0]])[:40]
            raise DataError(f"{path}, row {invalid[0] + 1}, column {name}: {cell!r} is not a finite number")
    return actual.reindex(columns=TARGETS)


def read_predicted(path: str, rows: int) -> pd.DataFrame:
    """Return the predictions in a file, (rows, targets). Raises DataError if the file does not have this shape."""
    predicted = read(path, "predict.py writes it", header=None)
    if predicted.shape != (rows, len(TARGETS)):
        fix = "write one line per row and one column per target, without a header or index"
        raise DataError(f"{path}: the shape is {predicted.shape} instead of {(rows, len(TARGETS))}; {fix}")
    return predicted


def read(path: str, fix: str, **options: object) -> pd.DataFrame:
    """Read a CSV file. fix: for the message if the file does not exist."""
    try:
        return pd.read_csv(path, **options)
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file; {fix}") from error
    except Exception as error:  # for any reason, the file cannot be read
        raise DataError(f"{path}: {str(error).strip()}") from error


def default_folder(on_platform: str, local: str) -> str:
    """Return the platform's folder if it exists, otherwise `local`, relative to this file's folder."""
    next_to_script = os.path.join(os.path.dirname(os.path.abspath(__file__)), local)
    return on_platform if os.path.isdir(on_platform) else next_to_script


def main() -> None:
    parser = argparse.ArgumentParser(description="Step 4: score predictions against the assays.", allow_abbrev=False)
    source = default_folder("/opt/ml/processing/input", "data")
    predictions = default_folder("/opt/ml/processing/input/predictions", "data/predictions")
    scores = default_folder("/opt/ml/processing/output/scores", "data/scores")
    actual_file = os.path.join(source, "public", "public.csv.gz")
    predicted_file, output = os.path.join(predictions, "public.csv.out"), os.path.join(scores, "public.txt")
    parser.add_argument("--actual", default=actual_file, help="data file with the assays (%(default)s)")
    parser.add_argument("--predicted", default=predicted_file, help="CSV file with the predictions (%(default)s)")
    parser.add_argument("--output", default=output, help="file for the score; a .json has the details (%(default)s)")
    arguments = parser.parse_args()
    details_file = os.path.splitext(arguments.output)[0] + ".json"
    if arguments.output == details_file:
        parser.error("--output must not end in .json, because the details of the score use that name")

    actual = read_actual(arguments.actual)
    predicted = read_predicted(arguments.predicted, len(actual))
    value, r2 = score(actual, predicted)
    counts = actual.notna().sum()
    targets = {
        name: {"weight": weight, "r2": None if np.isnan(r2[column]) else r2[column], "measured": int(counts[name])}
        for column, (name, weight) in enumerate(WEIGHTS.items())
    }
    width = max(6, *map(len, TARGETS))
    unscored = [name for name, target in targets.items() if target["r2"] is None]
    for name, target in targets.items():
        if name not in unscored:
            line = f"weight {target['weight']:.3f}  R2 {target['r2']:8.4f}  measured {target['measured']}"
            print(f"{name:{width}} {line}")
    if empty := [name for column, name in enumerate(TARGETS) if counts[name] >= 2 and predicted[column].isna().all()]:
        print("not predicted, so R2 is 0:", *empty)
    if unscored:
        print("not scored, because fewer than two rows are measured:", *unscored)
    scored = round(sum(target["weight"] for name, target in targets.items() if name not in unscored), 6)
    print(f"weights scored: {scored:g} of {round(sum(WEIGHTS.values()), 6):g}")
    details = {"score": value, "weights_scored": scored, "rows": len(actual), "targets": targets}
    write_atomically(details_file, json.dumps(details, indent=1))
    write_atomically(arguments.output, str(value))
    print(f"score: {value}", flush=True)


def write_atomically(path: str, content: str) -> None:
    """Write a file under a temporary name, then rename it, so that `path` is never incomplete."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(f"{path}.part", "w", encoding="ascii") as file:
        file.write(content)
    os.replace(f"{path}.part", path)


if __name__ == "__main__":
    try:
        main()
    except (DataError, OSError) as error:
        sys.exit(f"score.py: {error}")
