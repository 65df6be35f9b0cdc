"""Are the assays what they should be? How many there are, how many stand at the detection limit, how they spread."""

from typing import TYPE_CHECKING

import numpy as np

from recore.report.page.content import Figure, Finding, Section, Table
from recore.report.page.figures import BLUE, GREY, OCHRE, VERMILION, new_figure
from recore.report.reading import Floats, SpectralData

if TYPE_CHECKING:
    import pandas as pd

REPEATED = 3  # the same lowest value so many times, and in 1 % of the rows, is a detection limit
BOX = (0.05, 0.25, 0.5, 0.75, 0.95)


def section(data: SpectralData) -> tuple[Section, list[Finding]]:
    """The section, and what was found in it."""
    reading = (
        "A laboratory reports what is below its limit of detection as one value, often half the limit: the lowest value, "
        "repeated, is its sign. Good: few are missing, few stand at the limit, boxes span a decade or two and hold the "
        "target's usual contents. Bad: an assay that is missing or at the limit in the most of the rows (nothing can be "
        "learnt from it), a box at an odd place (PPM taken for PCT), zeros and negative values, one highest value many "
        "times (the upper limit of the method)."
    )
    if not len(data.assays.columns):
        text = "This file has no assay, as private data have none."
        found = [
            Finding("note", "no assays", "the file has no column of an assay, as private data have none", "assays")
        ]
        return Section("assays", "Assays", reading, (), text), found
    table = summary(data)
    note = (
        f"At the limit: the lowest value, where it is there {REPEATED} times or more and in 1 % of the measured rows or "
        f"more. Boxes: half of the measured rows, whiskers 5 and 95 %, each in its own unit, on a logarithmic scale that "
        "leaves out what is not positive."
    )
    items = (_states(table), _boxes(table), Table("assays", "All assays", "Each in its own unit.", table))
    return Section("assays", "Assays", reading, items, note), _findings(table)


def summary(data: SpectralData) -> "pd.DataFrame":
    """A row for each of the 49 targets, also for those that the file lacks."""
    import pandas as pd

    from recore.dataset.targets import DETECTION_LIMITS

    rows = []
    for name in DETECTION_LIMITS:
        column = data.assays[name].to_numpy() if name in data.assays else np.full(data.rows, np.nan)
        rows.append({"assay": name, **_of(column[~np.isnan(column)], data.rows)})
    return pd.DataFrame(rows)


def _of(values: Floats, rows: int) -> dict[str, float | int]:
    """What is said of one assay."""
    lowest, highest = (float(values.min()), float(values.max())) if len(values) else (float("nan"), float("nan"))
    same, top = int((values == lowest).sum()), int((values == highest).sum())
    at_limit = same if same >= max(REPEATED, 0.01 * len(values)) and lowest < highest else 0
    box = np.quantile(values, BOX) if len(values) else np.full(len(BOX), np.nan)
    return {
        "measured": len(values),
        "missing": rows - len(values),
        "at limit": at_limit,
        "at highest": top,
        "zero or less": int((values <= 0).sum()),
        "different values": len(np.unique(values)),
        "lowest": lowest,
        **{f"q{level:.2f}": float(value) for level, value in zip(BOX, box, strict=True)},
        "highest": highest,
    }


def _states(table: "pd.DataFrame") -> Figure:
    rows = (table["measured"] + table["missing"]).to_numpy()
    shares = {
        "measured": (table["measured"] - table["at limit"]).to_numpy() / rows,
        "at the limit": table["at limit"].to_numpy() / rows,
        "missing": table["missing"].to_numpy() / rows,
    }
    plot = new_figure(900, barmode="stack", bargap=0.25, legend={"orientation": "h", "y": 1.04, "traceorder": "normal"})
    plot.update_layout(
        xaxis={"title": {"text": "share of the rows"}, "range": [0, 1], "tickformat": ".0%"},
        yaxis={"autorange": "reversed", "type": "category", "dtick": 1},
    )
    for (name, share), colour in zip(shares.items(), (BLUE, OCHRE, VERMILION), strict=True):
        look = {"color": colour, "pattern": {"shape": {"missing": "x", "at the limit": "/"}.get(name, "")}}
        plot.add_bar(
            x=share,
            y=table["assay"],
            name=name,
            orientation="h",
            marker=look,
            hovertemplate="%{y}: %{x:.1%} %{fullData.name}<extra></extra>",
        )
    numbers = table[["assay", "measured", "at limit", "missing"]]
    words = "For each target the share of rows with a value, with the value of the detection limit, and without."
    return Figure("assay-states", "Measured, at the limit, missing", words, plot, numbers)


def _boxes(table: "pd.DataFrame") -> Figure:
    kept = table[table["highest"] > 0]
    low, first, middle, third, high = (_positive(kept[f"q{level:.2f}"].to_numpy(), kept) for level in BOX)
    plot = new_figure(900, showlegend=False)
    plot.update_layout(
        xaxis={"type": "log", "title": {"text": "PPM, PCT or PPB, as the name says"}, "exponentformat": "power"},
        yaxis={"range": [len(kept) - 0.5, -0.5], "type": "category", "dtick": 1},
    )
    if len(kept):
        plot.add_box(
            y=kept["assay"],
            q1=first,
            median=middle,
            q3=third,
            lowerfence=low,
            upperfence=high,
            orientation="h",
            line={"color": BLUE, "width": 1.5},
            fillcolor="rgba(0,114,178,0.3)",
            name="",
        )
        for column, symbol in (("lowest", "line-ns-open"), ("highest", "line-ns-open")):
            plot.add_scatter(
                x=_positive(kept[column].to_numpy(), kept),
                y=kept["assay"],
                mode="markers",
                name=column,
                marker={"symbol": symbol, "color": GREY, "size": 9},
                hovertemplate="%{y}: %{fullData.name} %{x:.4g}<extra></extra>",
            )
    names = ["assay", "lowest", *(f"q{level:.2f}" for level in BOX), "highest"]
    words = "Where each assay's values lie: half of them in the box, nine tenths within the whiskers; ticks: lowest, highest."
    return Figure("assay-values", "Distributions", words, plot, table[names])


def _positive(values: Floats, table: "pd.DataFrame") -> Floats:
    """Values for a logarithmic axis: what is not positive stands a decade under what is."""
    low = table[["q0.05", "q0.25", "q0.50", "q0.75", "q0.95", "highest"]].to_numpy()
    least = np.nanmin(np.where(low > 0, low, np.nan), axis=1)
    return np.where(values > 0, values, least / 10)


def _findings(table: "pd.DataFrame") -> list[Finding]:
    def names(chosen: "pd.DataFrame") -> str:
        all_names = chosen["assay"].tolist()
        return ", ".join(all_names[:8]) + (f" and {len(all_names) - 8} more" if len(all_names) > 8 else "")

    found = []
    empty = table[table["measured"] == 0]
    some = table[(table["measured"] > 0) & (table["missing"] > 0)]
    limit = table[table["at limit"] > 0.5 * table["measured"]]
    wrong = table[table["zero or less"] > 0]
    constant = table[(table["measured"] > 1) & (table["different values"] == 1)]
    full = table[
        (table["at highest"] > 0.05 * table["measured"]) & (table["at highest"] >= 5) & (table["different values"] > 5)
    ]
    cases = (
        ("note", "assays not measured", empty, "{n} of 49 targets have no value at all: {names}"),
        ("note", "assays missing", some, "{n} of 49 targets lack values in some rows: {names}"),
        (
            "note",
            "assays at the limit",
            limit,
            "{n} of 49 targets stand at their lowest value in more than half of the rows: {names}",
        ),
        ("bad", "assays not positive", wrong, "{n} of 49 targets have values of zero or less: {names}"),
        ("bad", "assays constant", constant, "{n} of 49 targets have one value in all rows: {names}"),
        (
            "note",
            "assays at an upper limit",
            full,
            "{n} of 49 targets repeat their highest value in 5 % of the rows: {names}",
        ),
    )
    for level, name, chosen, text in cases:
        if len(chosen):
            said = text.format(n=len(chosen), names=names(chosen))
            values = {"assays": chosen["assay"].tolist()}
            found.append(Finding(level, name, said, "assays", values))  # type: ignore[arg-type]
    if not found:
        found.append(Finding("good", "assays whole", "all 49 targets are measured in every row", "assays"))
    return found
