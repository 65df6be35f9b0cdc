"""Section on the score at different values of a hyperparameter, on held-out drill holes and on held-out rows."""

from typing import Any

import numpy as np
import pandas as pd

from recore.report.page import figures as draw
from recore.report.page.content import Figure, Level, PageFinding, Section
from recore.validation import SPLIT_NAMES, Curve, Split, ValidationResult

MAX_DIFFERENCE = 0.3  # end of the colour scale: R2 relative to a target's best
CLEAR_DIFFERENCE = 0.005  # smaller differences in the score can be chance

NO_TIME = "Not drawn: the curve would have exceeded the time limit; raise --time-limit."
TITLE = "Hyperparameter"
READING = (
    "Good: a maximum inside the range, flat at the top, with the default (dashed line) about as high. Bad: a maximum "
    "at an end of the range (widen the range), or a default that is clearly lower than the maximum. If held-out rows "
    "and held-out drill holes favour different values, trust the drill holes."
)
NOTE = (
    "Each point is the score of fit() with that value, on the folds of train.py. A difference is clear if it exceeds "
    "0.005 and two standard errors, from a jackknife over drill holes (Efron and Stein, Annals of Statistics 9, 1981)."
)
ALPHA_NOTE = " alpha is one regularisation strength for all targets: alpha_min and alpha_max are both set to it."
NO_CURVE = "Not drawn: fit() has no numeric hyperparameter to vary."
CHOICE_NOTE = "Not drawn: fit() has several hyperparameters; choose one with --curve NAME: {names}."
ERRORS = " fit() failed with {failures}."


def section(result: ValidationResult) -> Section:
    """Return the section."""
    curve = result.curve
    if curve is None:
        names = ", ".join(result.hyperparameters)
        return Section("curve", TITLE, READING, (), CHOICE_NOTE.format(names=names) if names else NO_CURVE)
    failures = dict(sorted((each.setting, why) for each, why in result.failed.items()))
    note = NOTE + (ALPHA_NOTE if curve.default is None else "")
    if failures:
        note += ERRORS.format(failures="; ".join(f"{curve.name}={value:.4g}: {why}" for value, why in failures.items()))
    title = "Regularisation strength" if curve.default is None else f"Hyperparameter {curve.name}"
    table = curve_table(result, curve)
    table_rows = table[table["held out"] == result.held_out]
    failure_findings = []
    if failures:
        values = ", ".join(f"{value:.4g}" for value in failures)
        message = f"fit() failed with {curve.name} = {values}: {next(iter(failures.values()))}"
        failure_findings = [PageFinding("note", "failed values", message, "curve", {"values": list(failures)})]
    if len(table_rows) < 2:
        skipped = NO_TIME if any(each.purpose == "curve" for each in result.skipped) else "Not drawn: too few values."
        return Section("curve", title, READING, (), skipped + note.removeprefix(NOTE), failure_findings)
    items = (_scores(table, result, curve), _target_curves(table, result, curve))
    unchanged = _values_without_effect(result, curve)
    tried = len(table_rows) - 1 if curve.default is not None else len(table_rows)
    findings = []
    if unchanged:
        values = ", ".join(f"{value:.4g}" for value in unchanged)
        message = f"{curve.name} = {values} has no effect: predictions equal the default's; check that fit() uses it"
        findings.append(PageFinding("note", "no effect", message, "curve", {"values": unchanged}))
    if len(unchanged) < tried:
        findings.append(_finding(table_rows, result, curve))
    return Section("curve", title, READING, items, note, [*findings, *failure_findings])


def curve_table(result: ValidationResult, curve: Curve) -> pd.DataFrame:
    """Return a row for each split and value, with the score on the first set of folds and R2 of each target."""
    rows: list[dict[str, Any]] = []
    for split in result.splits:
        for value, predicted in sorted(_predictions(result, curve, split).items()):
            rows.append({"held out": SPLIT_NAMES[split], curve.name: value} | result.score_and_r2(predicted))
    return pd.DataFrame(rows, columns=["held out", curve.name, "score", *result.targets])


def _predictions(result: ValidationResult, curve: Curve, split: Split) -> dict[float, np.ndarray]:
    predictions = {each.setting: result.predictions[each] for each in result.get_completed(split, "curve")}
    return predictions if curve.default is None else predictions | {curve.default: result.first_predictions(split)}


def _values_without_effect(result: ValidationResult, curve: Curve) -> list[float]:
    """Return the values that give exactly the same predictions as fit()'s defaults."""
    predictions = _predictions(result, curve, result.decisive_split)
    return sorted(
        value
        for value, predicted in predictions.items()
        if value != curve.default and np.array_equal(predicted, result.predicted, equal_nan=True)
    )


def _scores(table: pd.DataFrame, result: ValidationResult, curve: Curve) -> Figure:
    positive = (table[curve.name] > 0).all()
    axis: dict[str, Any] = {"type": "log" if positive else "linear", "title": {"text": curve.name}}
    if curve.default is None:
        axis["exponentformat"] = "power"
    else:
        ticks = sorted(set(table[curve.name]))
        axis |= {"tickvals": ticks, "ticktext": [f"{value:.4g}" for value in ticks]}
    plot = draw.new_figure(400, xaxis=axis, yaxis_title_text="score")
    plot.update_layout(legend=draw.ABOVE)
    ends = [float(table[curve.name].min()), float(table[curve.name].max())]
    reference = "alpha per target" if curve.default is None else f"default ({curve.default:.4g})"
    styles = {"holes": (draw.BLUE, "circle"), "rows": (draw.VERMILION, "diamond")}
    for split in result.splits:
        name, (colour, symbol) = SPLIT_NAMES[split], styles[split]
        rows = table[table["held out"] == name]
        if len(rows) < 2:  # only the default
            continue
        is_best = rows.index == rows["score"].idxmax()
        marker = {
            "symbol": np.where(is_best, "star", symbol).tolist(),
            "size": np.where(is_best | (rows[curve.name] == curve.default), 13, 7).tolist(),
        }
        line = {"color": colour, "dash": "solid", "width": 2}
        hover = f"{curve.name} %{{x:.4g}}: %{{y:.4f}}<extra>%{{fullData.name}}</extra>"
        look = {"mode": "lines+markers", "line": line, "marker": marker, "hovertemplate": hover}
        plot.add_scatter(x=rows[curve.name], y=rows["score"], name=name, **look)
        hover = f"{reference}: %{{y:.4f}}<extra>%{{fullData.name}}</extra>"
        look = {"mode": "lines", "line": line | {"dash": "dash", "width": 1.5}, "hovertemplate": hover}
        plot.add_scatter(
            x=ends, y=[result.score(result.first_predictions(split))] * 2, name=f"{name}, {reference}", **look
        )
    setting = "one alpha for all targets" if curve.default is None else f"each value of {curve.name}"
    marks = "a star is the best value" + ("" if curve.default is None else ", a large marker the default")
    summary = f"The score with {setting}; dashed: {reference}. On each curve {marks}."
    title = f"Score over {'regularisation strength' if curve.default is None else curve.name}"
    return Figure("curve-score", title, summary, plot, table[["held out", curve.name, "score"]])


def _target_curves(table: pd.DataFrame, result: ValidationResult, curve: Curve) -> Figure:
    rows = table[table["held out"] == result.held_out]
    names = result.ranked_names
    r2 = rows[names].to_numpy().T
    difference = r2 - r2.max(axis=1, keepdims=True) if names else r2
    values = [f"{value:.4g}" for value in rows[curve.name]]
    axis = {"title": {"text": curve.name}, "type": "category"}
    hover = f"%{{y}} at {curve.name} %{{x}}: R2 %{{customdata:.3f}}<extra></extra>"
    look = {"colorscale": draw.SEQUENTIAL, "customdata": r2, "hovertemplate": hover}
    plot = draw.heat_map(values, names, difference, "R2 - best R2", (-MAX_DIFFERENCE, 0), axis, **look)
    summary = (
        f"R2 of each target on {result.held_out}, relative to its best {curve.name}: the brighter, the better. The "
        f"colour scale ends {MAX_DIFFERENCE:g} below the best; hover for the values."
    )
    return Figure("curve-by-target", f"{curve.name} by target", summary, plot, table)


def _finding(scores: pd.DataFrame, result: ValidationResult, curve: Curve) -> PageFinding:
    best_row = scores.loc[scores["score"].idxmax()]
    value, score = float(best_row[curve.name]), float(best_row["score"])
    default, predicted = result.score(result.predicted), _predictions(result, curve, result.decisive_split)[value]
    error = result.standard_error(predicted, result.predicted)
    improvement = score - default
    is_clear = improvement > max(CLEAR_DIFFERENCE, 2 * error)
    at_end = len(scores) > 2 and value in (scores[curve.name].min(), scores[curve.name].max())
    level: Level = "bad" if curve.default is not None and is_clear else "note" if is_clear else "good"
    if curve.default is None:
        message = (
            f"one alpha for all targets is best at {value:.3g}, with a score of {score:.4f} on {result.held_out}; "
            f"an alpha per target scores {default:.4f}"
        )
        if at_end:
            level, message = "bad", f"{message}; the best alpha is at an end of the range, so widen the range"
        elif is_clear:
            message += "; choosing an alpha per target lowers the score"
    elif value == curve.default:
        message = f"{curve.name}: the default, {value:.4g}, scores highest of {len(scores)} values, {score:.4f}"
    else:
        level = "bad" if is_clear else "note" if improvement > CLEAR_DIFFERENCE else "good"
        message = (
            f"{curve.name}: try {value:.4g}, which scores {score:.4f} on {result.held_out}; the default, "
            f"{curve.default:.4g}, scores {default:.4f}. The improvement, {improvement:.4f}, is "
            f"{_significance(improvement, error)}"
        )
        if level == "good":
            message = (
                f"{curve.name}: the default, {curve.default:.4g}, scores {default:.4f} on {result.held_out}, as good "
                f"as the best of {len(scores)} values, {value:.4g}, with {score:.4f}"
            )
        if at_end:
            message += f"; this is an end of the range, so try values beyond it with --curve {curve.name}=VALUES"
    values = {"name": curve.name, "value": value, "score": score, "default score": default, "standard error": error}
    return PageFinding(level, "curve", message, "curve", values)


def _significance(improvement: float, error: float) -> str:
    if improvement > 2 * error:
        return f"more than twice its standard error, {error:.4f}, and unlikely to be chance"
    return f"less than twice its standard error, {error:.4f}, and may be chance with so few rows"
