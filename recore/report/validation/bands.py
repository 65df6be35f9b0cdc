"""What do predictions hang on? The slope of each target over each bin: a linear model's coefficients, any model's sensitivity."""

import re
from typing import TYPE_CHECKING

import numpy as np

from recore.report.figures import COLOURS, DASHES, DIVERGING, NAMED, new_figure, single
from recore.report.page import Figure, Finding, Section, Table
from recore.report.reading import Floats
from recore.report.regions import REGIONS, mark_regions, table_of_regions, wavenumber_axis
from recore.report.validation.study import PROBES, Study

if TYPE_CHECKING:
    import pandas as pd

AIR = (2390, 2300)  # cm-1, carbon dioxide
MUCH = 2.0  # times the usual, that predictions may hang on what is no rock


def section(study: Study) -> tuple[Section, list[Finding]]:
    """The section, and what was found in it."""
    reading = (
        "Good: smooth curves with their strongest places in shaded regions, those of the minerals that an element lives in. Bad: a saw "
        "of alternating signs from bin to bin (a ridge that is too weak learns noise), weight at carbon dioxide or at the "
        "ends of the range (the air and the instrument, no rock)."
    )
    if study.sensitivity is None:
        return Section(
            "bands",
            "Bands",
            reading,
            (),
            "Not drawn: the model is too slow to be asked so often; --minutes gives more time.",
        ), []
    places = wavenumbers(study.columns)
    note = (
        f"What one standard deviation of a bin changes in the prediction, the other bins left as they are: the mean slope over {PROBES} rows "
        "at the most, of a model of all rows, times the bin's standard deviation. For a linear model this is coefficient times standard "
        "deviation; for others an average; a model of steps, such as trees, has no slope. Where a prediction stands at a limit it has none either."
    )
    known = places is not None
    if places is None:
        places = np.arange(len(study.columns), 0, -1.0)
        note += " The inputs' names hold no wavenumber: they are drawn in their order, counted from the end."
    order = np.argsort(-places, kind="stable")
    table = _table(study, places, order)
    relative = study.sensitivity[order] / study.deviations
    if not study.weightiest:
        return Section("bands", "Bands", reading, (), "Not drawn: no target varies."), []
    items: list[Figure | Table] = [
        _lines(study, places[order], relative, table, known),
        _map(study, places[order], relative, table, known),
    ]
    if known:
        items += [_strongest(study, places[order], relative), table_of_regions()]
    return Section("bands", "Bands", reading, items, note), _findings(study, places[order], relative) if known else []


def wavenumbers(columns: tuple[str, ...]) -> Floats | None:
    """The mean of the wavenumbers that each input's name holds, such as bin_3999.9_3988.1; None where one holds none."""
    found = [[float(number) for number in re.findall(r"\d+(?:\.\d+)?", name)] for name in columns]
    usable = all(own and min(own) > 10 and max(own) < 20_000 for own in found)
    return np.array([np.mean(own) for own in found]) if usable and found else None


def region(wavenumber: float) -> str:
    """The name of the region that a wavenumber lies in, or nothing."""
    return next((name for name, high, low, _, _ in REGIONS if low <= wavenumber <= high), "")


def _table(study: Study, places: Floats, order: np.ndarray) -> "pd.DataFrame":
    """A row for each bin, in the targets' own units."""
    import pandas as pd

    assert study.sensitivity is not None  # noqa: S101 - asked before
    named = {name: study.sensitivity[order, place] for place, name in enumerate(study.challenge.targets)}
    return pd.DataFrame({"input": np.array(study.columns)[order], "wavenumber": places[order]} | named)


def _axis(places: Floats, known: bool) -> dict[str, object]:
    return wavenumber_axis(places) | ({} if known else {"title": {"text": "input, counted from the end"}})


def _lines(study: Study, places: Floats, relative: Floats, table: "pd.DataFrame", known: bool) -> Figure:
    plot = new_figure(460, xaxis=_axis(places, known), yaxis={"title": {"text": "standard deviations of the target"}})
    if known:
        mark_regions(plot, places)
    for order, place in enumerate(study.weightiest[:NAMED]):
        plot.add_scatter(
            x=single(places),
            y=single(relative[:, place]),
            mode="lines",
            name=study.challenge.targets[place],
            visible=True if order < 2 else "legendonly",
            line={"color": COLOURS[order], "dash": DASHES[order % len(DASHES)], "width": 1.5},
            hovertemplate="%{x:.0f} cm-1: %{y:.3f}<extra>%{fullData.name}</extra>" if known else None,
        )
    words = "What one standard deviation of each bin changes in the prediction, in standard deviations of the target, for the targets of most weight."
    return Figure("sensitivity", "Sensitivity over wavenumber", words, plot, table)


def _map(study: Study, places: Floats, relative: Floats, table: "pd.DataFrame", known: bool) -> Figure:
    import pandas as pd

    chosen = relative[:, study.weightiest]
    names = [study.challenge.targets[place] for place in study.weightiest]
    largest = np.nanmax(np.abs(chosen), axis=0)
    cells = chosen / np.where(largest > 0, largest, 1)
    plot = new_figure(max(300, 150 + 16 * len(names)), xaxis=_axis(places, known))
    plot.update_yaxes(autorange="reversed", type="category", dtick=1)
    if known:
        mark_regions(plot, places)
    plot.add_heatmap(
        x=single(places),
        y=names,
        z=single(cells.T),
        colorscale=DIVERGING,
        zmin=-1,
        zmax=1,
        colorbar={"title": {"text": "of its largest"}},
        hovertemplate="%{y} at %{x:.0f}: %{z:.2f}<extra></extra>",
    )
    numbers = pd.DataFrame({"wavenumber": table["wavenumber"]} | dict(zip(names, cells.T, strict=True)))
    words = "The same for all targets, each over its own largest: orange where more absorbance makes more, blue where it makes less."
    return Figure("sensitivity-map", "Sensitivity of all targets", words, plot, numbers)


def _strongest(study: Study, places: Floats, relative: Floats) -> Table:
    import pandas as pd

    rows = []
    for place in study.weightiest:
        at = int(np.abs(relative[:, place]).argmax())
        rows.append(
            {
                "target": study.challenge.targets[place],
                "wavenumber (cm-1)": float(places[at]),
                "region": region(places[at]),
                "sensitivity": float(relative[at, place]),
            }
        )
    return Table(
        "strongest-bands", "Where each target hangs most", "In standard deviations of the target.", pd.DataFrame(rows)
    )


def _findings(study: Study, places: Floats, relative: Floats) -> list[Finding]:
    air = (places <= AIR[0]) & (places >= AIR[1])
    if not air.any():
        return []
    weights = study.challenge.weights[study.weightiest]
    amounts = np.abs(relative[:, study.weightiest])
    amounts = amounts / np.where(amounts.sum(axis=0) > 0, amounts.sum(axis=0), 1) @ weights
    times = float(amounts[air].mean() / amounts.mean()) if amounts.any() else 0.0
    text = f"bins at the air's carbon dioxide, which is no rock, move predictions {times:.1f} times as much as a bin does on average"
    return [Finding("bad" if times > MUCH else "good", "carbon dioxide", text, "bands", {"times": times})]
