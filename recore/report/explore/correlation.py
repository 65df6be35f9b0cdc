"""Which assays can spectra know of? The correlation of each assay with each part of the spectrum."""

from typing import TYPE_CHECKING

import numpy as np

from recore.report.page.content import Figure, Finding, Section, Table
from recore.report.page.figures import DIVERGING, as_float32, new_figure
from recore.report.page.regions import mark_regions, wavenumber_axis
from recore.report.reading import SpectralData
from recore.report.statistics.binning import Binned
from recore.report.statistics.pearson import correlations

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 10  # measured rows of an assay
CLEAR = 0.5  # a correlation that a reader should know of


def section(data: SpectralData, shapes: Binned) -> tuple[Section, list[Finding]]:
    """The section, and what was found in it."""
    reading = (
        "Good: vertical stripes at the bands of minerals, the same for elements that live in the same mineral (aluminium and "
        "potassium at Al-OH, calcium at carbonate). Pale rows are assays that no single band tells of, as most metals in "
        "sulphides: they must be learnt from what they come with. Bad: stripes at carbon dioxide or at the ends of the "
        "range (assays go with the instrument or the day), all rows alike (one thing, such as grain size, is in all)."
    )
    table = correlation_table(data, shapes)
    if not len(table):
        note = f"Not drawn: no assay with {FEWEST} different measured rows or more."
        return Section("correlation", "Assays and channels", reading, (), note), []
    note = (
        f"Pearson's correlation of the logarithm of the assay with the spectrum after SNV, in bins of {shapes.width} "
        "channels, over the rows with a positive value; within holes and between them together, so that a correlation may "
        "be that of a few holes."
    )
    items = (_map(table, shapes), _strongest(table, shapes))
    best = items[1].numbers
    clear = best[best["correlation"].abs() >= CLEAR]
    text = f"{len(clear)} of {len(best)} assays correlate with some band by {CLEAR} or more"
    if len(clear):
        text += f": {', '.join(clear['assay'].head(8))}{' ...' if len(clear) > 8 else ''}"
    found = [Finding("note", "correlation", text, "correlation", {"assays": clear["assay"].tolist()})]
    return Section("correlation", "Assays and channels", reading, items, note), found


def correlation_table(data: SpectralData, shapes: Binned) -> "pd.DataFrame":
    """A row for each assay that varies in FEWEST rows or more: rows, then a correlation for each bin."""
    import pandas as pd

    names, rows, made = [], [], []
    for name in data.assays:
        values = data.assays[name].to_numpy()[shapes.rows]
        measured = values > 0
        if measured.sum() >= FEWEST and np.ptp(values[measured]) > 0:
            names.append(name)
            rows.append(int(measured.sum()))
            made.append(correlations(np.log10(values[measured]), shapes.values[measured]))
    bins = [f"{value:.1f}" for value in shapes.wavenumbers]
    table = pd.DataFrame(np.array(made).reshape(len(names), len(bins)), columns=bins)
    table.insert(0, "rows", rows)
    table.insert(0, "assay", names)
    return table


def _map(table: "pd.DataFrame", shapes: Binned) -> Figure:
    plot = new_figure(max(260, 140 + 16 * len(table)), xaxis=wavenumber_axis(shapes.wavenumbers))
    plot.update_yaxes(autorange="reversed", type="category", dtick=1)
    mark_regions(plot, shapes.wavenumbers)
    plot.add_heatmap(
        x=as_float32(shapes.wavenumbers),
        y=table["assay"],
        z=as_float32(table.iloc[:, 2:].to_numpy()),
        colorscale=DIVERGING,
        zmin=-1,
        zmax=1,
        colorbar={"title": {"text": "r"}},
        hovertemplate="%{y} at %{x:.0f} cm-1: r = %{z:.2f}<extra></extra>",
    )
    words = (
        "Colour: how an assay goes with each part of the spectrum, orange up, blue down, none where there is no colour."
    )
    return Figure("correlation", "Correlation of assays with channels", words, plot, table)


def _strongest(table: "pd.DataFrame", shapes: Binned) -> Table:
    import pandas as pd

    found = np.nan_to_num(table.iloc[:, 2:].to_numpy())
    place = np.abs(found).argmax(axis=1)
    columns = {"assay": table["assay"], "rows": table["rows"], "wavenumber (cm-1)": shapes.wavenumbers[place]}
    numbers = pd.DataFrame(columns | {"correlation": found[np.arange(len(found)), place]})
    order = numbers["correlation"].abs().sort_values(ascending=False, kind="stable").index
    return Table("strongest", "Where each assay correlates most", "The strongest first.", numbers.loc[order])
