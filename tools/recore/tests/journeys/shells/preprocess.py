"""Step 1, in a scikit-learn container: split measurements of shells into train, validation and test data."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS = ["length", "height", "weight"]
FOLDER = Path("/opt/ml/processing")

if __name__ == "__main__":
    shells = pd.read_csv(FOLDER / "input/shells.csv")
    columns = ColumnTransformer([("numbers", StandardScaler(), NUMBERS), ("sex", OneHotEncoder(), ["sex"])])
    table = np.column_stack([shells["rings"], columns.fit_transform(shells)])
    table = np.random.default_rng(0).permutation(table)
    first, second = int(0.7 * len(table)), int(0.85 * len(table))
    for name, part in zip(("train", "validation", "test"), np.split(table, [first, second]), strict=True):
        (FOLDER / name).mkdir(parents=True, exist_ok=True)
        np.savetxt(FOLDER / name / f"{name}.csv", part, "%.6g", ",")
