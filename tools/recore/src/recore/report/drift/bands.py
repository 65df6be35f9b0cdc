"""In which bands the samples differ from the training."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from recore.report.page.content import Figure, Section, Table
from recore.report.page.figures import BLUE, GREY, VERMILION, add_spectrum, table_of_regions, wavenumber_figure

if TYPE_CHECKING:
    from recore.production.monitoring import Monitoring

TITLE = "Bands"
READING = (
    "Good: all lines stay near 0, well within 1. Bad: the mean is away from 0 over a wide range, which is a change "
    "of the baseline, or in one band, which is a mineral that the training data lack, moisture, or carbon dioxide "
    "in the air."
)
SUMMARY = (
    "The deviation of each bin of the shape (SNV) from the mean of the training, or from what its principal components "
    "explain, divided by its limit. 99 % of the training spectra are within the limits in all bins."
)
BANDS = "Runs of bins in which the mean deviation is at least half of its largest value."


def section(found: "Monitoring") -> Section:
    wavenumbers = found.trained_on.domain.bins
    deviations = found.traffic.deviations[found.changed].astype(float)
    lines = {"mean": deviations.mean(axis=0)}
    if len(deviations) > 1:
        lines |= {"5 %": np.quantile(deviations, 0.05, axis=0), "95 %": np.quantile(deviations, 0.95, axis=0)}
    if found.drift.alarm is not None and (before := found.traffic.deviations[: found.changed[0]]).size:
        lines["mean before the drift"] = before.astype(float).mean(axis=0)
    plot = wavenumber_figure(400, wavenumbers, "deviation / its limit")
    looks = {
        "mean": {"color": VERMILION, "width": 2.5},
        "5 %": {"color": GREY, "dash": "dot", "width": 1},
        "95 %": {"color": GREY, "dash": "dash", "width": 1},
        "mean before the drift": {"color": BLUE, "width": 1.5},
    }
    for name, values in lines.items():
        add_spectrum(plot, wavenumbers, values, name, looks[name])
    for limit in (-1, 1):
        plot.add_hline(limit, line={"color": GREY, "dash": "dash"})
    numbers = pd.DataFrame({"wavenumber": wavenumbers} | lines)
    since = "" if found.drift.alarm is None else " Only samples since the drift began."
    figure = Figure("deviations", "Deviations by wavenumber", SUMMARY + since, plot, numbers)
    tables = (_bands(found), table_of_regions()) if found.bands else (table_of_regions(),)
    return Section("bands", TITLE, READING, (figure, *tables))


def _bands(found: "Monitoring") -> Table:
    columns = {"from": "from (cm-1)", "to": "to (cm-1)", "name": "region", "deviation": "mean deviation / limit"}
    return Table("bands", "Bands", BANDS, pd.DataFrame(found.bands, columns=list(columns)).rename(columns=columns))
