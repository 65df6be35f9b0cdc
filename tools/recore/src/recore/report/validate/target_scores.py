"""Section on each target's R2, errors, contribution to the score, and possible gain."""

from typing import Any

import numpy as np
import pandas as pd

from recore.listing import count, list_names
from recore.report.page import figures as draw
from recore.report.page.content import LISTED, Figure, Level, PageFinding, Section, Table
from recore.validation import DEFINITIONS, MEASURES, SPLIT_NAMES, Split, ValidationResult, format_errors

LOWEST_R2 = -0.5  # the end of the axes

TITLE = "Targets"
READING = (
    "Good: the two markers of a target are close together and far to the right, and targets with a high weight have "
    "a small possible gain. Bad: a marker left of zero (the mean would be better, so the target lowers the score), a "
    "long line between the markers (the model has learnt the hole instead of the rock)."
)
SPREAD_NOTE = " A wide whisker is also bad: the result depends on the folds."
NOTE = (
    "All numbers are computed from the predictions on the first folds. Contribution: weight x R2. Possible gain: "
    "weight x (1 - R2)."
)
DEVIATIONS = " sd: the standard deviation of R2 over the random folds."
WHISKERS = "Whiskers: the standard deviation over the random folds. "
NOT_MEASURED = "{count} of {total} targets without assays in these rows"


def section(result: ValidationResult) -> Section:
    """Return the section."""
    table = score_targets(result)
    not_measured = table["target"][table["measured"] == 0].tolist()
    scored_rows = table.dropna(subset=[f"R2 {result.decisive_split}"])
    splits = " and ".join(f"{SPLIT_NAMES[split]} ({split})" for split in result.splits)
    summary = f"Cross-validated on {splits}; sorted by possible gain."
    targets = Table("targets", "All targets", summary, table, not_measured)
    errors = [_errors(result, split, table, not_measured) for split in result.splits]
    items: tuple[Figure | Table, ...] = (_r2(scored_rows, result), _contributions(scored_rows), targets, *errors)
    line = NOT_MEASURED.format(count=len(not_measured), total=len(table))
    folded = {line: ", ".join(not_measured)} if not_measured else {}
    findings = [*_score_findings(scored_rows), *_error_findings(scored_rows, result), *_data_findings(table, result)]
    wide, deviations = (SPREAD_NOTE, DEVIATIONS) if any(f"sd {split}" in table for split in result.splits) else ("", "")
    return Section("target-scores", TITLE, READING + wide, items, NOTE + deviations, findings, folded)


def score_targets(result: ValidationResult) -> pd.DataFrame:
    """Return a table with a row for each target, sorted by possible gain, largest first."""
    measured = (~np.isnan(result.measured)).sum(axis=0)
    columns: dict[str, Any] = {"target": list(result.targets), "weight": result.weights, "measured": measured}
    r2 = {split: result.r2(result.first_predictions(split)) for split in result.splits}
    for split in result.splits:
        columns[f"R2 {split}"] = r2[split]
        repeats = result.r2_of_repeats(split)
        if len(repeats) > 1:
            columns[f"sd {split}"] = repeats.std(axis=0, ddof=1)
        if split == result.decisive_split:
            columns["contribution"] = columns["weight"] * r2[split]
            columns["possible gain"] = columns["weight"] * (1 - r2[split])
    if len(result.splits) == 2:
        columns["R2 gap"] = r2["rows"] - r2["holes"]
    return pd.DataFrame(columns).sort_values("possible gain", ascending=False, kind="stable", ignore_index=True)


def _errors(result: ValidationResult, split: Split, order: pd.DataFrame, not_measured: list[str]) -> Table:
    numbers = result.errors(result.first_predictions(split)).loc[order["target"]].reset_index()
    name = SPLIT_NAMES[split]
    summary = f"Predictions for {name}. {DEFINITIONS}"
    return Table(f"errors-{split}", f"Errors on {name}", summary, numbers, not_measured)


def _r2(table: pd.DataFrame, result: ValidationResult) -> Figure:
    plot = draw.new_figure(150 + 17 * len(table), legend=draw.ABOVE)
    plot.update_xaxes(title_text="R2", range=[LOWEST_R2 - 0.05, 1.05])
    plot.update_yaxes(type="category", range=[len(table) - 0.5, -0.5], dtick=1)
    names = [SPLIT_NAMES[split] for split in result.splits]
    if len(names) == 2:
        ends = table[["R2 holes", "R2 rows"]].clip(LOWEST_R2).assign(gap=np.nan)  # NaN interrupts the line
        look = {"mode": "lines", "name": "gap", "line": {"color": draw.GREY, "width": 2}, "hoverinfo": "skip"}
        plot.add_scatter(x=ends.to_numpy().ravel(), y=table["target"].repeat(3), showlegend=False, **look)
    styles = {"holes": (draw.BLUE, "circle"), "rows": (draw.VERMILION, "diamond-open")}
    hover = "%{y}, %{fullData.name}: R2 %{customdata:.3f}<extra></extra>"
    drawn, outside = draw.clip_to_axis(table[[f"R2 {split}" for split in result.splits]], LOWEST_R2, 1.0)
    for column, split in enumerate(result.splits):
        name, (colour, symbol) = SPLIT_NAMES[split], styles[split]
        marker = {"color": colour, "symbol": draw.edge_symbols(outside[:, column], symbol), "size": 9}
        whiskers = {}
        if f"sd {split}" in table:
            whiskers = {"array": table[f"sd {split}"].where(outside[:, column] == 0), "thickness": 1, "width": 3}
        values = {"customdata": table[f"R2 {split}"], "error_x": whiskers}
        draw.add_points(plot, drawn[:, column], table["target"], name, hover, marker, **values)
    summary = (
        f"R2 of each target on {' and on '.join(names)}; the largest possible gain at the top. "
        f"{WHISKERS if whiskers else ''}The axis ends at {LOWEST_R2:g}.{draw.count_outside(outside)}"
    )
    numbers = table[[name for name in table if str(name).startswith(("target", "R2", "sd"))]]
    return Figure("r2", f"R2 on {' and on '.join(names)}", summary, plot, numbers)


def _contributions(table: pd.DataFrame) -> Figure:
    plot = draw.new_figure(150 + 17 * len(table), barmode="relative", bargap=0.25)
    plot.update_layout(legend=draw.ABOVE | {"traceorder": "normal"})
    plot.update_xaxes(title_text="contribution and possible gain")
    plot.update_yaxes(type="category", autorange="reversed", dtick=1)
    lowest = LOWEST_R2 * table["weight"]
    # so that a target's two bars end at its weight
    bars = (
        ("contribution", table["contribution"].clip(lower=lowest), {"color": draw.BLUE}),
        ("possible gain", table["weight"] - table["contribution"].clip(lower=0), draw.outline_style(draw.OCHRE)),
    )
    hover = "%{y}: %{fullData.name} %{customdata:.4f}<extra></extra>"
    for name, lengths, marker in bars:
        draw.add_bars(plot, lengths, table["target"], name, hover, marker, customdata=table[name])
    drawn, outside = draw.clip_to_axis(table["contribution"] / table["weight"], LOWEST_R2, 1.0)
    cut = table[outside != 0]
    if len(cut):
        ends = (drawn * table["weight"])[outside != 0]
        marker = {"color": draw.BLUE, "symbol": draw.edge_symbols(outside[outside != 0], "circle"), "size": 9}
        values = {"customdata": cut["contribution"], "showlegend": False}
        draw.add_points(plot, ends, cut["target"], "contribution", hover, marker, **values)
    summary = (
        "To the right, the length of a bar is the target's weight: its contribution plus its possible gain. A bar to "
        f"the left of zero lowers the score; it ends where R2 is {LOWEST_R2:g}."
    ) + draw.count_outside(outside)
    numbers = table[["target", "weight", "contribution", "possible gain"]]
    return Figure("contributions", "Contributions to the score", summary, plot, numbers)


def _score_findings(scored: pd.DataFrame) -> list[PageFinding]:
    findings = []
    total = scored["possible gain"].sum()
    if total > 0:
        first = scored.iloc[0]
        gain = first["possible gain"]
        message = f"the largest possible gain is in {first['target']}: {gain:.4f}, {gain / total:.0%} of the total"
        values = {"target": first["target"], "possible gain": gain}
        findings.append(PageFinding("note", "possible gain", message, "target-scores", values))
    worse = scored[scored["contribution"] < 0]
    if len(worse):
        contribution, verb = float(worse["contribution"].sum()), "is" if len(worse) == 1 else "are"
        message = (
            f"{len(worse)} of {count(len(scored), 'target')} {verb} predicted worse than by the mean, which lowers the "
            f"score by {-contribution:.4f}: {list_names(worse['target'].tolist(), LISTED)}"
        )
        values = {"targets": worse["target"].tolist(), "contribution": contribution}
        findings.append(PageFinding("bad", "below the mean", message, "target-scores", values))
    return findings


def _error_findings(scored_rows: pd.DataFrame, result: ValidationResult) -> list[PageFinding]:
    """Return a finding on the errors. Its text covers the target of highest weight; its values cover all targets."""
    if not len(scored_rows):
        return []
    by_target = result.errors(result.predicted).loc[scored_rows["target"], ["rows", *MEASURES]]
    target = scored_rows.loc[scored_rows["weight"].idxmax(), "target"]
    message = f"{target}, the target with the highest weight: {format_errors(by_target.loc[target], target)}"
    values = by_target.astype(object).where(by_target.notna(), None).to_dict("index")  # JSON has no NaN
    return [PageFinding("note", "errors", message, "target-scores", {"held out": result.held_out, "targets": values})]


def _data_findings(table: pd.DataFrame, result: ValidationResult) -> list[PageFinding]:
    never = table[table["measured"] == 0]
    rare_rows = table[(table["measured"] > 0) & table[f"R2 {result.decisive_split}"].isna()]
    varying = {name for name, value in zip(result.targets, result.deviations, strict=True) if not np.isnan(value)}
    constant = table[(table["measured"] > 1) & ~table["target"].isin(varying)]
    not_measured = NOT_MEASURED.format(count=len(never), total=len(table))
    too_few = f"{count(len(rare_rows), 'target')} with too few assays, or assays in too few holes, to be scored"
    constant_note = f"{count(len(constant), 'target')} with the same value in all rows, so that R2 is meaningless"
    cases: tuple[tuple[Level, str, pd.DataFrame, str], ...] = (
        ("note", "not measured", never, f"{not_measured}, with a total weight of {never['weight'].sum():g}"),
        ("note", "seldom measured", rare_rows, too_few),
        ("bad", "constant", constant, constant_note),
    )
    findings = []
    for level, name, rows, message in cases:
        if len(rows):
            targets = rows["target"].tolist()
            message += f": {list_names(targets, LISTED)}"
            findings.append(PageFinding(level, name, message, "target-scores", {"targets": targets}))
    return findings
