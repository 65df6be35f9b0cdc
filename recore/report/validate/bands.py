"""What do predictions hang on? The slope of each target over each bin, which are a linear model's coefficients, and patterns."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recore.report.page.content import Figure, Finding, Level, Section, Table
from recore.report.page.figures import COLOURS, DASHES, DIVERGING, NAMED, as_float32, new_figure
from recore.report.page.regions import REGIONS, mark_regions, table_of_regions, wavenumber_axis
from recore.report.reading import Floats
from recore.report.statistics.pearson import correlations
from recore.report.validate.study import PROBES, Study

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure as PlotlyFigure

AIR = (2390, 2300)  # cm-1, carbon dioxide
SOME, MUCH = 1.5, 3.0  # times the usual, that predictions hang on what is no rock: to be known, and to be mended


def section(study: Study) -> tuple[Section, list[Finding]]:
    """The section, and what was found in it."""
    reading = (
        "Sensitivity is what the model uses: a linear model's coefficients. Good: smooth curves. Bad: a saw of alternating signs "
        "from bin to bin (it uses differences of neighbours, that is slopes, or a ridge that is too weak learns noise), weight at "
        "carbon dioxide or at the ends of the range (the air and the instrument, no rock). The pattern is what predictions go "
        "with, and the one to read minerals from. Good: colour in shaded regions, those of the minerals that an element lives "
        "in. Bad: colour at carbon dioxide, or evenly over all (grain size, or a tilted baseline)."
    )
    if not study.weightiest:
        return Section("bands", "Bands", reading, (), "Not drawn: no target varies and was predicted."), []
    note = (
        "Pattern: Pearson's correlation of the predictions for what was held out with each bin (Haufe et al., NeuroImage 87, 2014, "
        "say why patterns are interpreted and coefficients not). "
    )
    places, known = wavenumbers(study.columns), True
    if places is None:
        places, known = np.arange(len(study.columns), 0, -1.0), False
        note += "The inputs' names hold no wavenumber: they are drawn in their order, counted from the end. "
    order = np.argsort(-places, kind="stable")
    over = Bins(places[order], np.array(study.columns)[order], known)
    items: list[Figure | Table] = [_patterns(study, over, order)]
    found: list[Finding] = []
    if study.sensitivity is None:
        note += "Sensitivity is not drawn: there was no time to ask the model so often; --minutes gives more."
    else:
        own = study.sensitivity[order]
        relative = own / study.deviations
        note += (
            "Sensitivity: what one standard deviation of a bin changes in the prediction, the other bins left as they are: the mean "
            f"slope over {PROBES} rows at the most, of a model of all rows, times the bin's standard deviation. For a linear model "
            "this is coefficient times standard deviation; a model of steps, such as trees, has no slope, and neither has a "
            "prediction that stands at a limit."
        )
        items = [_lines(study, over, own), _map(study, over, relative), *items]
        if known:
            items.append(_strongest(study, over.places, relative))
            found = _findings(study, over.places, relative)
    return Section("bands", "Bands", reading, [*items, *([table_of_regions()] if known else [])], note), found


@dataclass(frozen=True)
class Bins:
    """places: wavenumbers (bins,), falling; or numbers in their stead, where they are not known. names: (bins,)."""

    places: Floats
    names: NDArray[Any]
    known: bool

    def axis(self) -> dict[str, object]:
        return wavenumber_axis(self.places) | ({} if self.known else {"title": {"text": "input, counted from the end"}})

    def mark(self, plot: "PlotlyFigure") -> None:
        if self.known:
            mark_regions(plot, self.places)

    def table(self, names: Sequence[str], values: Floats) -> "pd.DataFrame":
        """A row for each bin; values (bins, names)."""
        import pandas as pd

        named = dict(zip(names, values.T, strict=True))
        return pd.DataFrame({"input": self.names, "wavenumber": self.places} | named)


def wavenumbers(columns: tuple[str, ...]) -> Floats | None:
    """The mean of the wavenumbers that each input's name holds, such as bin_3999.9_3988.1; None where one holds none."""
    found = [[float(number) for number in re.findall(r"\d+(?:\.\d+)?", name)] for name in columns]
    usable = all(own and min(own) > 100 and max(own) < 20_000 for own in found)
    return np.array([np.mean(own) for own in found]) if usable and found else None


def region(wavenumber: float) -> str:
    """The name of the region that a wavenumber lies in, or nothing."""
    return next((name for name, high, low, _, _ in REGIONS if low <= wavenumber <= high), "")


def _lines(study: Study, over: Bins, own: Floats) -> Figure:
    """own: (bins, targets), in the targets' units."""
    plot = new_figure(460, xaxis=over.axis(), yaxis={"title": {"text": "standard deviations of the target"}})
    over.mark(plot)
    for number, place in enumerate(study.weightiest[:NAMED]):
        plot.add_scatter(
            x=as_float32(over.places),
            y=as_float32(own[:, place] / study.deviations[place]),
            mode="lines",
            name=study.challenge.targets[place],
            visible=True if number < 2 else "legendonly",
            line={"color": COLOURS[number], "dash": DASHES[number % len(DASHES)], "width": 1.5},
            hovertemplate="%{x:.0f}: %{y:.3f}<extra>%{fullData.name}</extra>",
        )
    words = (
        "What one standard deviation of each bin changes in the prediction, for the targets of most weight; the file has all "
        "targets, in their own units."
    )
    return Figure("sensitivity", "Sensitivity over wavenumber", words, plot, over.table(study.challenge.targets, own))


def _map(study: Study, over: Bins, relative: Floats) -> Figure:
    chosen = relative[:, study.weightiest]
    largest = np.abs(chosen).max(axis=0)
    words = "The same for all targets, each over its own largest: orange where more absorbance makes more, blue where it makes less."
    cells = chosen / np.where(largest > 0, largest, 1)
    return _heat("sensitivity-map", "Sensitivity of all targets", words, study, over, cells, "of its largest")


def _patterns(study: Study, over: Bins, order: NDArray[Any]) -> Figure:
    predicted = study.predicted[study.groups(study.ways[0], "nested")[0]]
    cells = np.full((len(order), len(study.weightiest)), np.nan)
    for column, place in enumerate(study.weightiest):
        there = np.isfinite(predicted[:, place])
        if there.sum() > 2 and np.ptp(predicted[there, place]) > 0:
            cells[:, column] = correlations(predicted[there, place], study.inputs[there][:, order])
    words = "How the predictions of each target go with each bin: orange up, blue down, none where there is no colour."
    return _heat("patterns", "Patterns of all targets", words, study, over, cells, "r")


def _heat(name: str, title: str, words: str, study: Study, over: Bins, cells: Floats, unit: str) -> Figure:
    """A picture of cells (bins, weightiest targets) between -1 and 1."""
    names = [study.challenge.targets[place] for place in study.weightiest]
    plot = new_figure(max(300, 150 + 16 * len(names)), xaxis=over.axis())
    plot.update_yaxes(autorange="reversed", type="category", dtick=1)
    over.mark(plot)
    plot.add_heatmap(
        x=as_float32(over.places),
        y=names,
        z=as_float32(cells.T),
        colorscale=DIVERGING,
        zmin=-1,
        zmax=1,
        hoverongaps=False,
        colorbar={"title": {"text": unit}},
        hovertemplate="%{y} at %{x:.0f}: %{z:.2f}<extra></extra>",
    )
    return Figure(name, title, words, plot, over.table(names, cells))


def _strongest(study: Study, places: Floats, relative: Floats) -> Table:
    import pandas as pd

    rows = []
    for place in study.weightiest:
        at = int(np.abs(relative[:, place]).argmax())
        found = {"wavenumber (cm-1)": float(places[at]), "region": region(places[at])}
        rows.append({"target": study.challenge.targets[place]} | found | {"sensitivity": float(relative[at, place])})
    numbers = pd.DataFrame(rows)
    return Table("strongest-bands", "Where each target is most sensitive", "In its standard deviations.", numbers)


def _findings(study: Study, places: Floats, relative: Floats) -> list[Finding]:
    air = (places <= AIR[0]) & (places >= AIR[1])
    amounts = np.abs(relative[:, study.weightiest])
    if not air.any() or not amounts.any():
        return []
    shares = amounts / np.where(amounts.sum(axis=0) > 0, amounts.sum(axis=0), 1)
    amount = shares @ study.challenge.weights[study.weightiest]
    times = float(amount[air].mean() / amount.mean())
    text = f"bins at the air's carbon dioxide, which is no rock, move predictions {times:.1f} times as much as the average bin does"
    level: Level = "bad" if times > MUCH else "note" if times > SOME else "good"
    return [Finding(level, "carbon dioxide", text, "bands", {"times": times})]
