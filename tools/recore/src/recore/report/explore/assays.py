"""Section on the assays: fractions measured and at the detection limit, distributions, and implausible values."""

import numpy as np
import pandas as pd

from recore.challenge import challenge
from recore.listing import count, list_names
from recore.report.page import figures as draw
from recore.report.page.content import LISTED, Figure, Level, PageFinding, Section, Table
from recore.spectral_data import Floats, SpectralData

# The lowest value counts as a detection limit if at least LIMIT_REPEATS rows and LIMIT_SHARE of the rows have it.
LIMIT_REPEATS = 3
LIMIT_SHARE = 0.01
LIMIT_FRACTION = 0.5  # a larger share of the measured rows is a finding
# The highest value counts as an upper limit if at least UPPER_REPEATS and more than UPPER_SHARE of the rows have it.
UPPER_REPEATS = 5
UPPER_SHARE = 0.05
BOX_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

TITLE = "Assays"
READING = (
    "A laboratory reports values below its detection limit as one value, often half the limit: the lowest value then "
    "occurs many times. Good: few assays are missing or at the limit, and the boxes span one or two orders of "
    "magnitude and lie at grades that are usual for the element. Bad: an assay that is missing or at the limit in most "
    "rows (a model cannot learn it), a box at an unusual position (PPM instead of PCT), zeros, negative values or "
    "codes such as 9999, or a highest value that occurs many times (the upper limit of the method)."
)
NOTE = (
    "At the limit: the lowest value, if at least {repeats} rows and {share:.0%} of the measured rows have it. Boxes: "
    "the middle half of the measured rows, with whiskers at 5% and 95%, each assay in its own unit. The scale is "
    "logarithmic and does not show values of zero or less."
)
NO_ASSAYS = "This file has no assay columns, as is usual for private data."
STATES = "For each target, the percentages of rows with a value, at the detection limit, and without a value."
BOXES = "Box: the middle half of the values. Whiskers: the middle 90%. Ticks: the lowest and highest values."
NOT_MEASURED = "{targets} without assays"


def section(data: SpectralData) -> Section:
    """Return the section."""
    if not len(data.assays.columns):
        finding = PageFinding("note", "no assays", "the file has no assays, as is usual for private data", "assays")
        return Section("assays", TITLE, READING, (), NO_ASSAYS, [finding])
    table = summarise(data)
    measured = table[table["measured"] > 0]
    empty = table["assay"][table["measured"] == 0].tolist()
    items: list[Figure | Table] = [_states(measured), _boxes(measured)] if len(measured) else []
    items.append(Table("assays", "All assays", "Each in its own unit.", table, empty))
    folded = {NOT_MEASURED.format(targets=count(len(empty), "target")): ", ".join(empty)} if empty else {}
    note = NOTE.format(repeats=LIMIT_REPEATS, share=LIMIT_SHARE)
    return Section("assays", TITLE, READING, items, note, _findings(table), folded)


def summarise(data: SpectralData) -> pd.DataFrame:
    """Return a row for each target, including targets that are not in the file."""
    rows = []
    for name in challenge().targets:
        column = data.assays[name].to_numpy() if name in data.assays else np.full(data.rows, np.nan)
        rows.append({"assay": name, **_summarise_one(column[~np.isnan(column)], data.rows)})
    return pd.DataFrame(rows)


def _summarise_one(values: Floats, rows: int) -> dict[str, float | int]:
    levels = (0, *BOX_QUANTILES, 1)
    lowest, *box, highest = np.quantile(values, levels) if len(values) else [np.nan] * len(levels)
    at_lowest, at_highest = int((values == lowest).sum()), int((values == highest).sum())
    is_limit = at_lowest >= max(LIMIT_REPEATS, LIMIT_SHARE * len(values)) and lowest < highest
    return {
        "measured": len(values),
        "missing": rows - len(values),
        "at limit": at_lowest if is_limit else 0,
        "at highest": at_highest,
        "zero or less": int((values <= 0).sum()),
        "different values": len(np.unique(values)),
        "lowest": lowest,
        **{f"q{level:.2f}": value for level, value in zip(BOX_QUANTILES, box, strict=True)},
        "highest": highest,
    }


def _states(table: pd.DataFrame) -> Figure:
    rows = table["measured"] + table["missing"]
    series = (
        ("measured", table["measured"] - table["at limit"], draw.BLUE, ""),
        ("at the limit", table["at limit"], draw.OCHRE, "/"),
        ("missing", table["missing"], draw.VERMILION, "x"),
    )
    plot = draw.new_figure(120 + 16 * len(table), barmode="stack", bargap=0.25, legend=draw.ABOVE)
    plot.update_layout(legend_traceorder="normal")
    plot.update_xaxes(title_text="percentage of rows", range=[0, 1], tickformat=".0%")
    plot.update_yaxes(autorange="reversed", type="category", dtick=1)
    for name, counts, colour, pattern in series:
        hover = "%{y}: %{x:.1%} %{fullData.name}<extra></extra>"
        draw.add_bars(plot, counts / rows, table["assay"], name, hover, draw.pattern_style(colour, pattern))
    numbers = table[["assay", "measured", "at limit", "missing"]]
    return Figure("assay-states", "Measured, at the limit, missing", STATES, plot, numbers)


def _boxes(table: pd.DataFrame) -> Figure:
    """Draw box plots on a logarithmic axis that begins a decade below the lowest positive value."""
    positive = table[table["highest"] > 0]
    names = ["lowest", *(f"q{level:.2f}" for level in BOX_QUANTILES), "highest"]
    values = positive[names].to_numpy()
    end = values[values > 0].min() / 10 if len(positive) else 1.0
    drawn, outside = draw.clip_to_axis(values, end, np.inf)
    plot = draw.new_figure(110 + 16 * len(positive), showlegend=False)
    plot.update_xaxes(type="log", title_text="value, each in its own unit", exponentformat="power", tickangle=0)
    plot.update_yaxes(range=[len(positive) - 0.5, -0.5], type="category", dtick=1)
    if len(positive):
        parts = dict(zip(("lowerfence", "q1", "median", "q3", "upperfence"), drawn[:, 1:-1].T, strict=True))
        look = {"line": {"color": draw.BLUE, "width": 1.5}, "fillcolor": draw.set_opacity(draw.BLUE, 0.3), "name": ""}
        plot.add_box(y=positive["assay"], orientation="h", **parts, **look)
    for column in (0, -1):
        hover = "%{y}: %{fullData.name} %{customdata:.4g}<extra></extra>"
        marker = {"symbol": draw.edge_symbols(outside[:, column], "line-ns-open"), "color": draw.GREY, "size": 9}
        x, y, shown = drawn[:, column], positive["assay"], values[:, column]
        draw.add_points(plot, x, y, names[column], hover, marker, customdata=shown)
    summary = BOXES + draw.count_outside(outside[:, [0, -1]])
    return Figure("assay-values", "Distributions", summary, plot, table[["assay", *names]])


def _findings(table: pd.DataFrame) -> list[PageFinding]:
    measured, lowest = table["measured"], table["lowest"]
    # several zeros without negative values are reported as suspected codes
    not_positive = (lowest < 0) | ((lowest == 0) & (table["zero or less"] == 1))
    often_at_limit, upper_share = table["at limit"] > LIMIT_FRACTION * measured, f"more than {UPPER_SHARE:.0%}"
    at_upper_limit = (
        (table["at highest"] > UPPER_SHARE * measured)
        & (table["at highest"] >= UPPER_REPEATS)
        & (table["different values"] > UPPER_REPEATS)
    )
    cases: tuple[tuple[Level, str, pd.Series[bool], str], ...] = (
        ("note", "assays not measured", measured == 0, "no values"),
        ("note", "assays missing", (measured > 0) & (table["missing"] > 0), "no value in some rows"),
        ("note", "assays at the limit", often_at_limit, "a lowest value that recurs in more than half of the rows"),
        ("bad", "assays not positive", not_positive, "values of zero or less"),
        ("bad", "assays constant", (measured > 1) & (table["different values"] == 1), "the same value in all rows"),
        (
            "note",
            "assays at an upper limit",
            at_upper_limit,
            f"a highest value that recurs in {upper_share} of rows",
        ),
    )
    findings = []
    for level, name, matches, complaint in cases:
        names = table["assay"][matches].tolist()
        if names:
            verb = "has" if len(names) == 1 else "have"
            complaint = f"{len(names)} of {len(table)} targets {verb} {complaint}: {list_names(names, LISTED)}"
            findings.append(PageFinding(level, name, complaint, "assays", {"assays": names}))
    if not findings:
        complaint = "all targets are measured in every row"
        findings.append(PageFinding("good", "assays complete", complaint, "assays"))
    return findings
