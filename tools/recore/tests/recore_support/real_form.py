"""Small data of the form that the real files have: numbers as drill holes, integers as channels, no gaps."""

from pathlib import Path

import numpy as np
import pandas as pd
from support.data_files import write_csv

from recore.schema import TARGETS

CHANNELS = sorted({*range(4000, 353, -10), 2516, 353, 352, 351, 350}, reverse=True)


def make_real_form(folder: Path, rows: int = 120, private_rows: int = 40) -> None:
    """Write public/public.csv.gz, private/private.csv.gz and private/actual.csv.gz. Eight rows are from one hole."""
    random, count = np.random.default_rng(3), rows + private_rows
    minerals = random.gamma(2, size=(count, 6))
    centres, wide = random.uniform(500, 3800, 6), random.uniform(60, 200, 6)
    bands = np.exp(-(((np.array(CHANNELS) - centres[:, None]) / wide[:, None]) ** 2))
    spectra = 0.5 + 0.1 * minerals @ bands + random.normal(scale=0.002, size=(count, len(CHANNELS)))
    assays = (
        1 + minerals @ random.uniform(size=(6, len(TARGETS))) + random.normal(scale=0.1, size=(count, len(TARGETS)))
    )
    depth = random.uniform(0, 500, count).round(1)
    ids = pd.DataFrame({"DepthTo": depth + 2, "SiteID": np.arange(count) // 8 + 1, "DepthFrom": depth})
    inputs = pd.concat([ids, pd.DataFrame(spectra.round(5), columns=list(map(str, CHANNELS)))], axis=1)
    targets = pd.DataFrame(assays.round(3), columns=list(TARGETS))
    write_csv(folder / "public/public.csv.gz", pd.concat([inputs, targets], axis=1)[:rows])
    write_csv(folder / "private/private.csv.gz", inputs[rows:].reset_index(drop=True))
    write_csv(folder / "private/actual.csv.gz", targets[rows:].reset_index(drop=True))
