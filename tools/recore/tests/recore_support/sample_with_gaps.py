"""Sample data in which two assays have gaps."""

from pathlib import Path

import numpy as np
import pandas as pd
from support.data_files import write_csv

from recore.dataset.sample_files import Plan, make_sample


def make_sample_with_gaps(folder: Path, rows: int, holes: int) -> None:
    """Write sample data in which two assays are missing in up to 20 rows of each file.

    They are the same rows for both, because the model fits targets that were measured on the same rows together.
    """
    make_sample(folder, Plan(rows=rows, holes=holes, channels=424, seed=7, missing=0))
    for path in (folder / "public/public.csv.gz", folder / "private/actual.csv.gz"):
        data = pd.read_csv(path, index_col=0, float_precision="round_trip")
        data.loc[data.index[::10][:20], ["AgPPM", "CuPPM"]] = np.nan
        write_csv(path, data)
