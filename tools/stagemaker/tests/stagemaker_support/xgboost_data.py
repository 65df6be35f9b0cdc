"""A regression table for XGBoost in several formats, and hyperparameters for training on it."""

from typing import Any

import numpy as np
import xgboost as xgb

SETTINGS = {"max_depth": 4, "eta": 0.2, "gamma": 0.5, "min_child_weight": 3, "subsample": 0.8, "nthread": 1, "seed": 5}
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


def table(rows: int, seed: int) -> np.ndarray:
    """Return a table with the label in the first column, followed by five features with some missing values."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, 5)).round(6)
    labels = (3 * features[:, 0] + np.abs(features[:, 1]) * features[:, 2] + rng.normal(size=rows) / 4).round(6)
    features[rng.random(features.shape) < 0.05] = np.nan
    return np.column_stack([labels, features])


def csv_of(values: np.ndarray) -> str:
    return "".join(",".join("" if np.isnan(cell) else repr(float(cell)) for cell in row) + "\n" for row in values)


def libsvm_of(values: np.ndarray) -> str:
    lines = []
    for label, *features in values:
        cells = (f"{index}:{float(cell)!r}" for index, cell in enumerate(features) if not np.isnan(cell))
        lines.append(" ".join([repr(float(label)), *cells]))
    return "\n".join(lines) + "\n"


def matrix(values: np.ndarray, **members: Any) -> xgb.DMatrix:
    return xgb.DMatrix(values[:, 1:], label=values[:, 0], **members)


def hyperparameters(**settings: Any) -> dict[str, str]:
    return {name: str(value) for name, value in (SETTINGS | {"objective": "reg:squarederror"} | settings).items()}
