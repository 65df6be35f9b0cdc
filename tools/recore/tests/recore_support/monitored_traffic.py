"""Monitor sample data as if clients had sent it, without an endpoint."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from recore.data_file import read_header
from recore.production.client_spectra import SpectraReader, make_training_summary
from recore.production.containers.domain import fit_file
from recore.production.data_capture import Body, CaptureEvent
from recore.production.monitoring import Monitoring, MonitorSettings, examine_traffic
from recore_support.schema import HOLE

START = datetime(2026, 3, 2, 8, tzinfo=UTC)


def monitor_sample(
    sample: Path, change: float = 0.0, name: str = "", begin: datetime = START, rows: int | None = None
) -> Monitoring:
    """Monitor a sample's private spectra, as if one arrived per minute. rows: the number to send, by default all.

    change: the height of a curve that is added to the baseline of the second half of the spectra, as a fraction of the
    99th percentile of absorbance, because the maximum is noise. name: a prefix for the names of the drill holes.
    """
    public = sample / "public/public.csv.gz"
    spectra = pd.read_csv(sample / "private/private.csv.gz", index_col=0).head(rows)
    names = [column for column in spectra.columns if column[0].isdigit()]
    position = np.linspace(0, 1, len(names))
    changed = np.arange(len(spectra))[:, None] >= len(spectra) / 2
    spectra[names] += changed * change * np.percentile(spectra[names], 99) * 4 * position * (1 - position)
    spectra[HOLE] = name + spectra[HOLE].astype(str)
    trained_on = make_training_summary(read_header(public), fit_file(public, HOLE))
    left_out = Counter[str]()
    reader = SpectraReader(trained_on, left_out)
    for index in range(len(spectra)):
        body = spectra.iloc[[index]].to_csv()
        time = begin + timedelta(minutes=index)
        reader.add(CaptureEvent("A", f"{index}", "", time, Body(body.encode(), "text/csv"), Body(b"", "")))
    settings = MonitorSettings(are_complete=rows is None)
    return examine_traffic("cores", 3, begin, trained_on, [trained_on.reference_units()], reader.finish(), settings)
