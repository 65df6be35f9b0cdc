"""Small sample data in the challenge's schema for the template's tests. Assays can be predicted from the spectra."""

from pathlib import Path

import numpy as np
import pandas as pd

from score import TARGETS
from support.data_files import write_csv

IDS = ("DepthTo", "SiteID", "DepthFrom")
ROWS, HOLES, CHANNELS, MINERALS, BANDS = 400, 10, 424, 8, 6
PRIVATE_HOLES = np.arange(HOLES) % 3 == 2  # whether a hole's rows are private: 3 of 10


def make_sample(folder: Path) -> None:
    """Write public, private and actual data below a folder, the same each time. The splits share no drill hole.

    A row is a mixture of minerals. Each mineral adds its bands to the spectrum and its elements to the assays.
    """
    data = simulate(np.random.default_rng(7))
    private = PRIVATE_HOLES[pd.factorize(data["SiteID"])[0]]
    write_csv(folder / "public/public.csv.gz", data[~private])
    write_csv(folder / "private/private.csv.gz", data[private].drop(columns=list(TARGETS)))
    write_csv(folder / "private/actual.csv.gz", data.loc[private, list(TARGETS)])


def simulate(random: np.random.Generator) -> pd.DataFrame:
    holes = np.sort(np.append(np.arange(HOLES), random.integers(0, HOLES, ROWS - HOLES)))
    depths = 2.0 * (np.arange(ROWS) - np.searchsorted(holes, holes))
    amounts = random.gamma(3.0, 0.3, (HOLES, MINERALS))[holes] * random.gamma(2.0, 0.5, (ROWS, MINERALS))

    wavenumbers = 4000 - 8 * np.arange(CHANNELS)
    centres = random.uniform(700, 3900, (MINERALS, BANDS, 1))
    widths = random.uniform(20, 120, (MINERALS, BANDS, 1))
    bands = np.exp(-(((wavenumbers - centres) / widths) ** 2)).sum(axis=1)
    spectra = 0.2 + 0.1 * amounts @ bands + random.normal(0, 0.03, (ROWS, 1))  # the baseline varies from row to row
    spectra += random.normal(0, 0.002, spectra.shape)

    contents = random.gamma(0.5, 1.0, (MINERALS, len(TARGETS))) * random.lognormal(3, 2, len(TARGETS))
    assays = amounts @ contents * random.lognormal(0, 0.3, (ROWS, len(TARGETS)))

    ids = pd.DataFrame(dict(zip(IDS, (depths + 2.0, holes + 1, depths), strict=True)))
    return pd.concat(
        [
            ids,
            pd.DataFrame(spectra.round(6), columns=wavenumbers.astype(str)),
            pd.DataFrame(assays, columns=TARGETS).map(lambda assay: float(f"{assay:.3g}")),
        ],
        axis=1,
    )
