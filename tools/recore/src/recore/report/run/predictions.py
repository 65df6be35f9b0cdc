"""Section on predicted against measured public assays: the unverified held-out predictions, if there are any.

A report must not show private assays.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from recore.challenge import challenge
from recore.data_file import DataFile, open_data
from recore.evaluation import HELD_OUT, Record
from recore.listing import count, list_names
from recore.report.page import figures as draw
from recore.report.page.content import LISTED, Figure, PageFinding, Section, Table, short_name
from recore.report.page.one_to_one import SCALES, OneToOne
from recore.spectral_data import Floats, Rows
from recore.text import plain
from recore.validation import DEFINITIONS, errors_table, paired_values

MAX_RESIDUALS, MAX_OTHERS = 200, 600  # rows drawn for each target: those with the largest errors, and others
MARKED_ROWS = 20  # rows with the largest errors, which have a different symbol
TOLERANCE = 1e-9  # relative difference between R2 computed here and R2 in the score
FEW_ROWS, MAIN_SHARE, ENOUGH_ROWS = 5, 0.5, 50  # note if FEW_ROWS of ENOUGH_ROWS rows cause MAIN_SHARE of an error
ZERO_FRACTION = 0.05  # note if a larger share of a target's rows is predicted as 0

TITLE = "Predicted and measured"
READING = (
    "Good: the points follow the line, as many above as below it, at low and at high grades. Bad: a flat cloud (the "
    "model predicts the mean), high grades predicted too low (usual if there are few of them), a bend, or a few rows "
    "far from the line that cause most of the squared error (look at their spectra). A slope far below 1 means that "
    "the predictions vary too much (the model is overfitted); a slope far above 1 means that they stay too close to "
    "the mean."
)
HELD_OUT_ROWS = (
    "The submission itself computed these held-out predictions, each with a model trained without the row's hole. "
)
TRAINING_NOTE = "The model was trained on these rows; its predictions for other holes are worse. "
NOTE = (
    "For each target, at most {residuals} rows with the largest errors and {others} of the others are drawn; the "
    "numbers are computed from all rows. "
) + SCALES
FIGURE = "One target at a time, chosen above. Each point is a public row. Dashed: predicted = measured."
ERRORS = (
    f"{DEFINITIONS} Largest 5: the fraction of the squared error that the five largest errors cause. Predicted 0: the "
    "number of rows that are predicted as 0 or less but measured above 0."
)
NOT_COMPARABLE = "predictions cannot be compared with measured assays: {reason}"


@dataclass(frozen=True)
class PublicRows:
    """The public rows that a score covers. rows: their IDs. measured, predicted: (rows, targets), NaN if missing."""

    score: str
    rows: pd.DataFrame
    targets: list[str]
    measured: Floats
    predicted: Floats


def section(run: Record, public: Path | None = None) -> Section:
    """Return the section. public: the path of the public file, if it has moved since the run."""
    try:
        data = _read(run, public)
    except (ValueError, OSError) as error:
        message = NOT_COMPARABLE.format(reason=plain(str(error)))
        finding = PageFinding("note", "nothing to compare", message, "predicted")
        return Section("predicted", TITLE, READING, (), message, [finding])
    table = _error_table(run, data)
    items = (_figure(data, table), Table("errors", "Errors of all targets", ERRORS, table))
    note = HELD_OUT_ROWS if data.score == HELD_OUT else TRAINING_NOTE
    note += NOTE.format(residuals=MAX_RESIDUALS, others=MAX_OTHERS)
    return Section("predicted", f"{TITLE}, {data.score} rows", READING, items, note, _findings(run, data.score, table))


def _read(run: Record, public: Path | None) -> PublicRows:
    score = next((name for name in (HELD_OUT, "public") if name in run.scores and run.completed(f"{name} score")), None)
    if score is None:
        raise ValueError("the run has neither a held-out nor a public score")
    recorded, expected = run.data["public"]
    path = public or run.started_in / recorded
    if not path.is_file():
        raise FileNotFoundError(f"the public file no longer exists: {path}")
    with open_data(path) as data:
        if data.sha256 != expected:
            raise ValueError(f"the public file has changed since the run: {path}")
        targets = list(run.scores[score].r2)
        rows, measured = _read_measured(data, targets)
    folder = run.folder / "predictions"
    if score == HELD_OUT:
        predicted = _predictions(folder / f"{HELD_OUT}.csv", measured.shape, header=0, index_col=0)
    else:
        predicted = _predictions(folder / "public.csv.out", measured.shape, header=None)
    return PublicRows(score, rows, targets, measured, predicted)


def _read_measured(data: DataFile, targets: list[str]) -> tuple[pd.DataFrame, Floats]:
    import pyarrow as pa

    positions = data.positions
    ids = {"index": 0} | {name: positions[name] for name in challenge().sample_ids if name in positions}
    assays = {name: positions[name] for name in targets if name in positions}
    table = data.read(dict.fromkeys(ids.values(), pa.string()) | dict.fromkeys(assays.values(), pa.float64()))
    rows = pd.DataFrame({name: table[str(position)].to_pandas() for name, position in ids.items()})
    missing = np.full(len(rows), np.nan)
    measured = [table[str(assays[name])].to_numpy() if name in assays else missing for name in targets]
    return rows, np.column_stack(measured).astype(float)


def _predictions(path: Path, shape: tuple[int, ...], **options: int | None) -> Floats:
    if not path.is_file():
        raise FileNotFoundError(f"the predictions no longer exist: {path}")
    table = pd.read_csv(path, **options)
    if table.shape != shape:
        raise ValueError(
            f"{path}: expected {count(shape[0], 'line')} of {shape[1]} numbers, found "
            f"{count(table.shape[0], 'line')} of {table.shape[1]}"
        )
    values: Floats = table.apply(pd.to_numeric, errors="coerce").to_numpy(float)
    return np.where(np.isfinite(values), values, np.nan)


def _error_table(run: Record, data: PublicRows) -> pd.DataFrame:
    table = errors_table(data.targets, data.measured, data.predicted).reset_index()
    table.insert(2, "weight", table["target"].map(run.scores[data.score].weights))
    table["largest 5"] = list(map(_share_of_largest, data.measured.T, data.predicted.T))
    table["predicted 0"] = ((data.predicted <= 0) & (data.measured > 0)).sum(axis=0)
    table = table[table["rows"] > 1]
    lost = table["weight"] * (1 - table["R2"])
    return table.loc[lost.sort_values(ascending=False, kind="stable").index].reset_index(drop=True)


def _share_of_largest(measured: Floats, predicted: Floats) -> float:
    actual, estimate = paired_values(measured, predicted)
    squares = (estimate - actual) ** 2
    return float(np.sort(squares)[-FEW_ROWS:].sum() / squares.sum()) if squares.any() else np.nan


def _figure(data: PublicRows, table: pd.DataFrame) -> Figure:
    figure = OneToOne()
    ids = zip(data.rows["index"], data.rows.get(challenge().group, data.rows["index"]), strict=True)
    labels = [f"index {short_name(index, 12)}, {short_name(hole, 12)}" for index, hole in ids]
    for errors in table.to_dict("records"):
        name = errors["target"]
        column = data.targets.index(name)
        measured, predicted = data.measured[:, column], data.predicted[:, column]
        choice = f"{short_name(name)}: R2 {errors['R2']:.3f}, weight {errors['weight']:g}"
        figure.add_target(choice, name, errors, measured, predicted)
        drawn_rows = rows_to_draw(measured, predicted)
        series = (
            ("rows", drawn_rows[MARKED_ROWS:], draw.BLUE, "circle", 6),
            (f"the {MARKED_ROWS} largest errors", drawn_rows[:MARKED_ROWS], draw.VERMILION, "diamond", 8),
        )
        for title, rows, colour, symbol, size in series:
            inner_rows = rows[~figure.is_outside_axes(rows)]
            marker = {"color": colour, "symbol": symbol, "size": size, "opacity": 0.85}
            figure.add_points(inner_rows, title, marker, text=[labels[row] for row in inner_rows])
        edge = drawn_rows[figure.is_outside_axes(drawn_rows)]
        figure.add_edge(edge, [labels[row] for row in edge])
        figure.add_line()
    return figure.figure("predicted-measured", "Predicted against measured", FIGURE, _residual_table(data))


def rows_to_draw(measured: Floats, predicted: Floats) -> Rows:
    """Return the MAX_RESIDUALS rows with the largest errors, largest first, and at most MAX_OTHERS other rows."""
    residuals = np.abs(predicted - measured)
    known = np.flatnonzero(~np.isnan(residuals))
    ordered = known[np.argsort(-residuals[known], kind="stable")]
    others = draw.sample_evenly(np.sort(ordered[MAX_RESIDUALS:]), MAX_OTHERS)
    return np.concatenate([ordered[:MAX_RESIDUALS], others])


def _residual_table(data: PublicRows) -> pd.DataFrame:
    columns = {}
    for column, name in enumerate(data.targets):
        columns[f"{name} measured"] = data.measured[:, column]
        columns[f"{name} predicted"] = data.predicted[:, column]
    return pd.concat([data.rows, pd.DataFrame(columns)], axis=1)


def _findings(run: Record, score: str, table: pd.DataFrame) -> list[PageFinding]:
    r2_by_target = run.scores[score].r2
    differing = []
    for name, r2 in table[["target", "R2"]].itertuples(index=False):
        expected = r2_by_target[name]
        if expected is not None and not abs(r2 - expected) <= TOLERANCE * (1 + abs(r2)):
            differing.append(name)
    findings = []
    if differing:
        message = (
            "the predictions in the run's folder are not the scored predictions: R2 differs for "
            f"{count(len(differing), 'target')}"
        )
        findings.append(PageFinding("bad", "not what was scored", message, "predicted", {"targets": differing}))
    few_rows = table[(table["largest 5"] > MAIN_SHARE) & (table["rows"] > ENOUGH_ROWS)]
    if len(few_rows):
        names = ", ".join(short_name(name) for name in few_rows["target"].head(LISTED))
        message = f"five rows cause more than half of the squared error of {count(len(few_rows), 'target')}: {names}"
        findings.append(PageFinding("note", "few rows", message, "predicted", {"targets": few_rows["target"].tolist()}))
    return findings + _zeros_finding(table)


def _zeros_finding(table: pd.DataFrame) -> list[PageFinding]:
    """Return a finding on targets of at least average weight that are often predicted as 0, probably by clipping."""
    matters = table["weight"] >= table["weight"].mean()
    zeros = table[matters & (table["predicted 0"] >= ZERO_FRACTION * table["rows"])]
    if not len(zeros):
        return []
    numbers = zeros[["target", "predicted 0", "rows", "weight"]].itertuples(index=False)
    lines = [f"{short_name(name)} {zero:,} of {count(rows, 'row')} (weight {w:g})" for name, zero, rows, w in numbers]
    message = f"predicted as 0 or less, though measured above 0: {list_names(lines, LISTED)}"
    return [PageFinding("note", "predicted as 0", message, "predicted", {"targets": zeros["target"].tolist()})]
