"""Section on the correlation between each assay and each part of the spectrum."""

import numpy as np
import pandas as pd

from recore.listing import count, list_names
from recore.report.page import figures as draw
from recore.report.page.content import LISTED, Figure, PageFinding, Section, Table
from recore.report.statistics import BinnedData, correlations

MIN_ROWS = 10  # minimum number of measured rows of an assay
HIGH_CORRELATION = 0.5

TITLE = "Assays and channels"
READING = (
    "Good: vertical stripes at the bands of minerals, at the same bands for all elements in a mineral (aluminium and "
    "potassium at Al-OH, calcium at carbonate). Pale rows are assays that correlate with no single band, like most "
    "metals in sulphides; these must be predicted from the minerals that accompany them. Bad: stripes at carbon "
    "dioxide or at the ends of the range (the assays depend on the instrument or the day), or the same pattern in all "
    "rows (one property such as grain size determines everything)."
)
NOTE = (
    "Pearson's correlation of the logarithm of the assay with the spectrum after SNV, in bins of {width} channels, "
    "over the rows with a positive assay. Differences within and between holes are not separated, so a few holes can "
    "cause a correlation."
)
NOT_DRAWN = "Not drawn: no assay has at least {rows} measured rows with different values."
HEAT_MAP = (
    "Correlation between each assay and each part of the spectrum: orange positive, blue negative, pale near zero."
)


def section(binned: BinnedData) -> Section:
    """Return the section."""
    table = correlation_table(binned)
    if not len(table):
        return Section("correlation", TITLE, READING, (), NOT_DRAWN.format(rows=MIN_ROWS))
    strongest = _list_strongest(table, binned)
    items = (_heat_map(table, binned), strongest)
    high = strongest.numbers[strongest.numbers["correlation"].abs() >= HIGH_CORRELATION]
    verb = "has" if len(high) == 1 else "have"
    assays = f"{len(high)} of {count(len(table), 'assay')}"
    message = f"{assays} {verb} a correlation of at least {HIGH_CORRELATION} with some band"
    if len(high):
        message += f": {list_names(high['assay'].tolist(), LISTED)}"
    finding = PageFinding("note", "correlation", message, "correlation", {"assays": high["assay"].tolist()})
    return Section("correlation", TITLE, READING, items, NOTE.format(width=binned.width), [finding])


def correlation_table(binned: BinnedData) -> pd.DataFrame:
    """Return each varying assay's number of positive values, if at least MIN_ROWS, and correlations with the bins."""
    bins = [f"{value:.1f}" for value in binned.wavenumbers]
    table = {}
    for name, column in binned.data.assays.items():
        values = column.to_numpy()[binned.rows]
        measured = values > 0
        if measured.sum() >= MIN_ROWS and np.ptp(values[measured]) > 0:
            table[name] = [measured.sum(), *correlations(np.log10(values[measured]), binned.values[measured])]
    rows = pd.DataFrame.from_dict(table, orient="index", columns=["rows", *bins])
    return rows.reset_index(names="assay")


def _heat_map(table: pd.DataFrame, binned: BinnedData) -> Figure:
    names, cells = table["assay"].tolist(), table.iloc[:, 2:].to_numpy()
    hover = "%{y} at %{x:.0f} cm-1: r = %{z:.2f}<extra></extra>"
    axis = draw.wavenumber_axis(binned.wavenumbers)
    plot = draw.heat_map(binned.wavenumbers, names, cells, "r", (-1, 1), axis, hovertemplate=hover)
    draw.mark_regions(plot, binned.wavenumbers)
    return Figure("correlation", "Correlation of assays with channels", HEAT_MAP, plot, table)


def _list_strongest(table: pd.DataFrame, binned: BinnedData) -> Table:
    coefficients = np.nan_to_num(table.iloc[:, 2:].to_numpy())
    best_index = np.abs(coefficients).argmax(axis=1)
    columns = {"assay": table["assay"], "rows": table["rows"], "wavenumber (cm-1)": binned.wavenumbers[best_index]}
    numbers = pd.DataFrame(columns | {"correlation": coefficients[np.arange(len(table)), best_index]})
    order = numbers["correlation"].abs().sort_values(ascending=False, kind="stable").index
    return Table("strongest", "The highest correlation of each assay", "Sorted by correlation.", numbers.loc[order])
