"""Predictions against measured assays of the public rows: the private assays are nobody's to draw."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recore.pipeline.data import IDS, read_header
from recore.pipeline.record import Record
from recore.pipeline.text import plain
from recore.report.page.content import Figure, Finding, Section, Table
from recore.report.page.figures import BLUE, GREY, VERMILION, as_float32, new_figure, short_name

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure as PlotlyFigure

Floats = NDArray[np.float64]

FURTHEST, OTHERS = 200, 600  # points of a target that are drawn: the largest residuals, and of the others
MARKED = 20  # largest residuals with a mark of their own
AGREE = 1e-9  # by how much an R2 of what is drawn may differ from the score's


@dataclass(frozen=True)
class Public:
    """What was measured and predicted. rows: a row's names. measured, predicted: (rows, targets), NaN where missing."""

    rows: "pd.DataFrame"
    targets: list[str]
    measured: Floats
    predicted: Floats


def section(run: Record, public: Path | None = None) -> tuple[Section, list[Finding]]:
    """The section, and what was found in it. public: where the public file is now, if not where the run had it."""
    reading = (
        "Good: points along the line, as many above it as below, at low contents and at high ones. Bad: a flat cloud (the "
        "model says the mean), high contents predicted too low (usual, where there are few of them), a bend, a few rows far "
        "off that make most of the squared error: look at their spectra. These are rows that the model was trained on: on "
        "new holes it is worse."
    )
    try:
        data = _read(run, public)
    except (ValueError, OSError) as error:
        text = f"no predictions against measured assays: {plain(str(error))}"
        return Section("predicted", "Predicted and measured", reading, (), text), [
            Finding("note", "nothing to compare", text, "predicted")
        ]
    table = _table(run, data)
    note = (
        f"Drawn are, of each target, the {FURTHEST} rows with the largest residuals and every k-th of the others, {OTHERS} at "
        "the most; the numbers are of all rows. The axes are linear, as R2 is."
    )
    summary = (
        "Of the public rows. Bias: the mean of predicted less measured. Largest 5: the share of the five largest residuals "
        "in the squared error."
    )
    items = (_figure(data, table), Table("errors", "Errors of all targets", summary, table))
    return Section("predicted", "Predicted and measured, public rows", reading, items, note), _findings(run, table)


def _read(run: Record, public: Path | None) -> Public:
    """Raises ValueError or OSError where the two cannot be had as the run had them."""
    if "public" not in run.scores or not run.completed("public score"):
        raise ValueError("the run has no public score")
    recorded, expected = run.data["public"]
    path = public or run.started_in / recorded
    if not path.is_file():
        raise FileNotFoundError(f"the public file is gone: {path}")
    with open(path, "rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != expected:
            raise ValueError(f"the public file is no longer the one that the run used: {path}")
    targets = list(run.scores["public"].r2)
    rows, measured = _measured(path, targets)
    return Public(rows, targets, measured, _predictions(run.folder / "predictions/public.csv.out", measured.shape))


def _measured(path: Path, targets: list[str]) -> tuple["pd.DataFrame", Floats]:
    """The IDs and the assays of a data file; its spectra are passed over."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.csv

    names = read_header(path)
    places = {name: str(place) for place, name in reversed(list(enumerate(names))) if place}
    ids = {"index": "0"} | {name: places[name] for name in IDS if name in places}
    assays = {name: places[name] for name in targets if name in places}
    types = dict.fromkeys(ids.values(), pa.string()) | dict.fromkeys(assays.values(), pa.float64())
    try:
        table = pa.csv.read_csv(
            path,
            pa.csv.ReadOptions(
                column_names=[str(place) for place in range(len(names))], skip_rows=1, block_size=1 << 24
            ),
            convert_options=pa.csv.ConvertOptions(include_columns=list(types), column_types=types),
        )
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {plain(str(error), 300)}") from error
    rows = pd.DataFrame({name: table[place].to_pandas() for name, place in ids.items()})
    nothing = np.full(len(rows), np.nan)
    measured = [table[assays[name]].to_numpy() if name in assays else nothing for name in targets]
    return rows, np.column_stack(measured).astype(float)


def _predictions(path: Path, shape: tuple[int, ...]) -> Floats:
    import pandas as pd

    if not path.is_file():
        raise FileNotFoundError(f"the predictions are gone: {path}")
    table = pd.read_csv(path, header=None)
    if table.shape != shape:
        raise ValueError(
            f"{path}: {table.shape[0]} lines of {table.shape[1]} numbers for {shape[0]} rows of {shape[1]}"
        )
    values: Floats = table.apply(pd.to_numeric, errors="coerce").to_numpy(float)
    return np.where(np.isfinite(values), values, np.nan)


def _table(run: Record, data: Public) -> "pd.DataFrame":
    """A row for each target with two measured rows, what costs most first."""
    import pandas as pd

    score = run.scores["public"]
    made = []
    for column, name in enumerate(data.targets):
        known = ~np.isnan(data.measured[:, column])
        if known.sum() < 2:
            continue
        actual, predicted = data.measured[known, column], data.predicted[known, column]
        square = (predicted - actual) ** 2
        spread = ((actual - actual.mean()) ** 2).sum()
        made.append(
            {
                "target": name,
                "weight": score.weights[name],
                "rows": int(known.sum()),
                "R2": 1 - square.sum() / spread if spread else float(square.sum() == 0),
                "RMSE": np.sqrt(square.mean()),
                "bias": (predicted - actual).mean(),
                "largest 5": np.sort(square)[-5:].sum() / square.sum() if square.sum() else np.nan,
            }
        )
    columns = ["target", "weight", "rows", "R2", "RMSE", "bias", "largest 5"]
    table = pd.DataFrame(made, columns=columns)
    costs = table["weight"] * (1 - table["R2"])
    return table.loc[costs.sort_values(ascending=False, kind="stable").index].reset_index(drop=True)


def _figure(data: Public, table: "pd.DataFrame") -> Figure:
    plot = new_figure(560, legend={"orientation": "h", "y": 1.08})
    plot.update_layout(xaxis={"title": {"text": "measured"}}, yaxis={"title": {"text": "predicted"}})
    names = [
        f"index {short_name(index, 12)}, {short_name(hole, 12)}"
        for index, hole in zip(data.rows["index"], data.rows.get("SiteID", data.rows["index"]), strict=True)
    ]
    for choice, name in enumerate(table["target"]):
        column = data.targets.index(name)
        _add(plot, data.measured[:, column], data.predicted[:, column], names, choice)
    choices = [
        f"{short_name(name)}: R2 {r2:.3f}, weight {weight:g}"
        for name, r2, weight in table[["target", "R2", "weight"]].itertuples(index=False)
    ]
    words = "One target at a time, chosen above the picture: each point a public row. Dashed: where both are equal."
    return Figure("predicted-measured", "Predicted against measured", words, plot, _numbers(data), choices)


def _add(plot: "PlotlyFigure", measured: Floats, predicted: Floats, names: list[str], choice: int) -> None:
    """A target's points and its line; they are shown when it is chosen."""
    drawn = thinned(measured, predicted)
    marked, others = drawn[:MARKED], drawn[MARKED:]
    both = np.concatenate([measured[drawn], predicted[drawn]])
    looks = (("rows", others, BLUE, "circle", 6), (f"the {MARKED} largest residuals", marked, VERMILION, "diamond", 8))
    shared = {"meta": choice, "visible": choice == 0}
    for legend, rows, colour, symbol, size in looks:
        plot.add_scatter(
            x=as_float32(measured[rows]),
            y=as_float32(predicted[rows]),
            mode="markers",
            name=legend,
            marker={"color": colour, "symbol": symbol, "size": size, "opacity": 0.85},
            text=[names[row] for row in rows],
            hovertemplate="%{text}<br>measured %{x:.4g}, predicted %{y:.4g}<extra></extra>",
            **shared,
        )
    ends = as_float32([both.min(), both.max()])
    dashed = {"color": GREY, "dash": "dash"}
    plot.add_scatter(x=ends, y=ends, mode="lines", line=dashed, hoverinfo="skip", name="predicted = measured", **shared)


def thinned(measured: Floats, predicted: Floats) -> NDArray[np.intp]:
    """Which rows to draw: the FURTHEST largest residuals, largest first, and every k-th other row, OTHERS at the most."""
    residuals = np.abs(predicted - measured)
    known = np.flatnonzero(~np.isnan(residuals))
    ordered = known[np.argsort(-residuals[known], kind="stable")]
    others = np.sort(ordered[FURTHEST:])
    return np.concatenate([ordered[:FURTHEST], others[:: max(1, -(-len(others) // OTHERS))]])


def _numbers(data: Public) -> "pd.DataFrame":
    """All rows, measured and predicted of each target."""
    import pandas as pd

    columns = {}
    for column, name in enumerate(data.targets):
        columns[f"{name} measured"] = data.measured[:, column]
        columns[f"{name} predicted"] = data.predicted[:, column]
    return pd.concat([data.rows, pd.DataFrame(columns)], axis=1)


def _findings(run: Record, table: "pd.DataFrame") -> list[Finding]:
    scored = run.scores["public"].r2
    differ = [
        name
        for name, r2 in table[["target", "R2"]].itertuples(index=False)
        if scored[name] is not None and not abs(r2 - (scored[name] or 0.0)) <= AGREE * (1 + abs(r2))
    ]
    found = []
    if differ:
        text = (
            f"the predictions in the run's folder are not those that were scored: R2 of {len(differ)} targets differs"
        )
        found.append(Finding("bad", "not what was scored", text, "predicted", {"targets": differ}))
    few = table[(table["largest 5"] > 0.5) & (table["rows"] > 50)]
    if len(few):
        names = ", ".join(short_name(name) for name in few["target"].head(8))
        text = f"five rows make more than half of the squared error of {len(few)} targets: {names}"
        found.append(Finding("note", "few rows", text, "predicted", {"targets": few["target"].tolist()}))
    return found
