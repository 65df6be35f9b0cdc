"""Report on an endpoint's traffic: evidence of drift, samples, and the bands that changed."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from recore.listing import count
from recore.report.page import figures as draw
from recore.report.page.content import Figure, Level, Page, PageFinding, Section, Table, short_name, sort_by_level
from recore.text import plain

if TYPE_CHECKING:
    from recore.production.monitoring import Monitoring

OUTSIDE_FRACTION = 0.05  # a larger share of samples outside the domain is a note
LEAD = "Do the spectra that clients send still resemble the training spectra?"

SHOWN_LINES = 4
LOWEST_EVIDENCE = 1e-3  # the ends of the axis
HIGHEST_EVIDENCE = 1e12

EVIDENCE_READING = (
    "Good: no line reaches the dashed line. Bad: a line crosses it and continues to rise. Each line is the evidence "
    "that one statistic has changed. It rises while new drill holes have unusual ranks among the training holes and "
    "earlier new holes, and falls slowly otherwise. Hotelling's T2, the Q residuals and the parts of the spectrum are "
    "computed from SNV spectra: Q and the parts rise if the spectra contain a feature that no training spectrum has. "
    "The mean absorbance and the contrast are computed from the raw spectrum."
)
EVIDENCE_NOTE = (
    "Conformal test martingales (Vovk et al., COPA 2021), one for each of {statistics} statistics; the threshold is "
    "the number of statistics divided by the false-alarm rate. The rate holds for drill holes that are exchangeable "
    "with the training holes; new holes that differ from the training holes also raise an alarm. {units} so far."
)
NOTHING_TESTED = "no drill hole has been tested yet, because more samples of each hole may arrive"

MAX_DISTANCE = 100.0  # times the limit; the end of the axis

SAMPLES_READING = (
    "A sample is outside the applicability domain if T2 or Q exceeds its limit: predictions for it may be much worse "
    "than their intervals suggest. Good: few samples above the line, in different holes. Bad: one hole far above it (a "
    "different rock or sample preparation), or all samples after some time (the instrument)."
)
DISTANCE = "The larger of T2 and Q, each divided by its limit; dashed: the limit.{outside}"
SCORES = "Scores on the first two principal components of the SNV spectra. Grey: the training spectra."
HOLES = "Sorted by the percentage of samples outside the domain, largest first. Times are UTC."

BANDS_READING = (
    "Good: all lines stay near 0, well within 1. Bad: the mean differs from 0 over a wide range, which indicates a "
    "change in the baseline, or in one band, which indicates moisture, atmospheric carbon dioxide, or a mineral that "
    "is not in the training data."
)
DEVIATIONS = (
    "For each bin of the SNV spectra: the difference from the training mean, or the residual of the principal "
    "components, whichever is larger relative to its limit, as a multiple of that limit. In 99% of the "
    "training spectra, all bins are within the limits."
)
BANDS = "Bands: adjacent bins whose mean deviation is at least half of its maximum."


def drift_page(monitoring: "Monitoring") -> Page:
    """Return the report on the monitoring of an endpoint."""
    sections = [_evidence(monitoring), _samples(monitoring), _deviations(monitoring)]
    title = f"Drift at {plain(monitoring.endpoint)}"
    return Page(title, LEAD, _facts(monitoring), sort_by_level(_findings(monitoring)), sections)


def _facts(monitoring: "Monitoring") -> dict[str, str]:
    times = monitoring.traffic.samples["time"]
    left_out = sum(monitoring.traffic.left_out.values())
    facts = {
        "endpoint": plain(monitoring.endpoint),
        "version": f"{monitoring.version}, trained on {monitoring.training.reference['rows']:,} spectra",
        "compared with": f"{monitoring.reference.name} in its training data",
        "samples": f"{len(times):,}, from {times.iloc[0]:%Y-%m-%d %H:%M} to {times.iloc[-1]:%Y-%m-%d %H:%M} UTC",
        "false alarms": monitoring.false_alarm_text,
    }
    return facts | ({"excluded": f"{left_out:,}"} if left_out else {})


def _findings(monitoring: "Monitoring") -> list[PageFinding]:
    drift, outside = monitoring.drift, monitoring.traffic.outside_mask
    share = float(outside.mean())
    message = f"{outside.sum():,} of {count(len(outside), 'sample')} ({share:.1%}) are outside the domain; "
    level: Level = "note" if share > max(OUTSIDE_FRACTION, 2 * monitoring.training.usual_share) else "good"
    values = {"samples": len(outside), "outside": int(outside.sum())}
    domain = PageFinding(level, "domain", message + monitoring.usual_text, "samples", values)
    level, message = "good", f"no drift: {monitoring.evidence_text}"
    if not monitoring.units:
        level, message = "note", NOTHING_TESTED
    elif monitoring.start:
        level, message = ("bad", f"drift since about {monitoring.start:%Y-%m-%d %H:%M} UTC: {monitoring.evidence_text}")
    values_of_test = {"evidence": drift.max_evidence, "threshold": drift.threshold}
    return [PageFinding(level, "drift", message, "evidence", values_of_test), domain]


def _evidence(monitoring: "Monitoring") -> Section:
    items: tuple[Figure | Table, ...] = ()
    note = f"Not drawn: {NOTHING_TESTED}."
    if monitoring.units:
        items = (_evidence_lines(monitoring), _statistics(monitoring))
        note = EVIDENCE_NOTE.format(statistics=len(monitoring.statistics), units=monitoring.units_text)
    return Section("evidence", "Evidence of drift", EVIDENCE_READING, items, note)


def _evidence_lines(monitoring: "Monitoring") -> Figure:
    evidence = monitoring.drift.evidence
    units = [(unit.end, unit.hole, len(unit.rows)) for unit in monitoring.units]
    numbers = pd.DataFrame(units, columns=["time", "hole", "samples"])
    numbers = numbers.join(pd.DataFrame(evidence, columns=monitoring.statistics))
    plot = draw.new_figure(420, xaxis_title_text="drill holes, in order of completion")
    plot.update_yaxes(title_text="evidence", type="log", exponentformat="power")
    positions = np.arange(1, len(evidence) + 1)
    for order, statistic in enumerate(np.argsort(-evidence.max(axis=0), kind="stable")):
        drawn = np.clip(evidence[:, statistic], LOWEST_EVIDENCE, HIGHEST_EVIDENCE)
        hover = "%{x}. drill hole: %{y:.3g}<extra>%{fullData.name}</extra>"
        draw.add_numbered_line(plot, order, SHOWN_LINES, positions, drawn, monitoring.statistics[statistic], hover)
    plot.add_hline(monitoring.drift.threshold, line={"color": draw.GREY, "dash": "dash"})
    summary = f"Dashed: {monitoring.drift.threshold:.3g}; higher values mean drift. Click a name to show or hide it."
    return Figure("evidence", "Evidence by statistic", summary, plot, numbers)


def _statistics(monitoring: "Monitoring") -> Table:
    evidence = monitoring.drift.evidence
    numbers = pd.DataFrame(
        {
            "statistic": monitoring.statistics,
            "most evidence": evidence.max(axis=0),
            "evidence now": evidence[-1],
            "mean in training": monitoring.reference.values.mean(axis=0),
            "mean of the samples": monitoring.traffic.statistics[monitoring.changed_rows].mean(axis=0),
        }
    ).sort_values("most evidence", ascending=False, kind="stable")
    summary = "T2, Q and the contrast are in natural logs. If there is drift, only samples since it began are used."
    return Table("statistics", "The statistics", summary, numbers)


def _samples(monitoring: "Monitoring") -> Section:
    holes = monitoring.holes.copy()
    holes["hole"] = holes["hole"].map(lambda name: short_name(name) if name else "(unknown)")
    for name in ("first", "last"):
        holes[name] = holes[name].map("{:%Y-%m-%d %H:%M}".format)
    items = (_distances(monitoring), _scores(monitoring), Table("holes", "Drill holes", HOLES, holes))
    return Section("samples", "Samples and drill holes", SAMPLES_READING, items)


def _labels(samples: pd.DataFrame) -> list[str]:
    ids = samples[["index", "hole"]].itertuples(index=False)
    return [f"{short_name(index)}, {short_name(hole)}" for index, hole in ids]


def _distances(monitoring: "Monitoring") -> Figure:
    samples, outside = monitoring.traffic.samples, monitoring.traffic.outside_mask
    heights, off_axis = draw.clip_to_axis(samples["distance"].to_numpy(), 0, MAX_DISTANCE)
    plot = draw.new_figure(400, showlegend=True, xaxis_title_text="time (UTC)", xaxis_type="date")
    plot.update_yaxes(draw.LOG_TICKS, title_text="distance / its limit")
    for name, mask, marker in draw.split_marked("inside the domain", "outside", outside):
        marker |= {"opacity": 0.8, "symbol": draw.edge_symbols(off_axis[mask], marker["symbol"], "y")}
        rows = samples.iloc[mask]
        hover = "%{text}<br>%{customdata:.3g} of the limit<extra></extra>"
        extra = {"text": _labels(rows), "customdata": rows["distance"]}
        draw.add_points(plot, rows["time"], heights[mask], name, hover, marker, **extra)
    plot.add_hline(1, line={"color": draw.GREY, "dash": "dash"})
    outside_note = draw.count_outside(off_axis)
    if len(samples) > draw.SHOWN_POINTS:
        outside_note += f" At most {draw.SHOWN_POINTS:,} points of each kind are drawn."
    return Figure("samples", "Distance over time", DISTANCE.format(outside=outside_note), plot, samples)


def _scores(monitoring: "Monitoring") -> Figure:
    training = np.array(monitoring.training.reference["scores"], dtype=float)
    traffic, outside = monitoring.traffic.scores, monitoring.traffic.outside_mask
    second = min(1, training.shape[1] - 1)
    plot = draw.new_figure(440, showlegend=True, xaxis_title_text="PC1", yaxis_title_text=f"PC{second + 1}")
    drawn = draw.sample_evenly(training)
    marker = {"color": draw.GREY, "size": 4, "opacity": 0.5}
    draw.add_points(plot, drawn[:, 0], drawn[:, second], "training", "training<extra></extra>", marker)
    for name, rows, marker in draw.split_marked("inside the domain", "outside", outside):
        labels = _labels(monitoring.traffic.samples.iloc[rows])
        points = traffic[rows, 0], traffic[rows, second]
        draw.add_points(plot, *points, name, "%{text}<extra></extra>", marker | {"opacity": 0.8}, text=labels)
    columns = [f"PC{number + 1}" for number in range(traffic.shape[1])]
    numbers = monitoring.traffic.samples[["index", "hole", "time"]].join(pd.DataFrame(traffic, columns=columns))
    return Figure("scores", "Scores of the samples", SCORES, plot, numbers)


def _deviations(monitoring: "Monitoring") -> Section:
    wavenumbers = monitoring.training.domain.bins
    deviations = monitoring.traffic.deviations[monitoring.changed_rows].astype(float)
    lines = {"mean": deviations.mean(axis=0)}
    if len(deviations) > 1:
        lines |= {"5 %": np.quantile(deviations, 0.05, axis=0), "95 %": np.quantile(deviations, 0.95, axis=0)}
    earlier_deviations = monitoring.traffic.deviations[: monitoring.changed_rows[0]]
    if monitoring.drift.alarm is not None and earlier_deviations.size:
        lines["mean before the drift"] = earlier_deviations.astype(float).mean(axis=0)
    plot = draw.wavenumber_figure(400, wavenumbers, "deviation / its limit")
    styles = {
        "mean": {"color": draw.VERMILION, "width": 2.5},
        "5 %": {"color": draw.GREY, "dash": "dot", "width": 1},
        "95 %": {"color": draw.GREY, "dash": "dash", "width": 1},
        "mean before the drift": {"color": draw.BLUE, "width": 1.5},
    }
    for name, values in lines.items():
        draw.add_spectrum(plot, wavenumbers, values, name, styles[name])
    for limit in (-1, 1):
        plot.add_hline(limit, line={"color": draw.GREY, "dash": "dash"})
    numbers = pd.DataFrame({"wavenumber": wavenumbers} | lines)
    since = "" if monitoring.drift.alarm is None else " Only samples since the drift began."
    figure = Figure("deviations", "Deviations by wavenumber", DEVIATIONS + since, plot, numbers)
    tables = (_bands(monitoring), draw.table_of_regions()) if monitoring.bands else (draw.table_of_regions(),)
    return Section("bands", "Bands", BANDS_READING, (figure, *tables))


def _bands(monitoring: "Monitoring") -> Table:
    columns = {"from": "from (cm-1)", "to": "to (cm-1)", "name": "region", "deviation": "mean deviation / limit"}
    return Table("bands", "Bands", BANDS, pd.DataFrame(monitoring.bands, columns=list(columns)).rename(columns=columns))
