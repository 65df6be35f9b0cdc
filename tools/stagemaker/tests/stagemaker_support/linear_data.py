"""Tables whose labels depend linearly on the features, for linear-learner."""

from typing import Any

import numpy as np

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"
WEIGHTS, BIAS, NOISE = np.array([3.0, -2.0, 0.5, 0.0]), 20.0, 0.5
SCALES, SHIFTS = np.array([1.0, 10.0, 0.1, 1.0]), np.array([0.0, 5.0, 0.0, -2.0])  # the features' scales and offsets


def table(kind: str, rows: int, seed: int) -> np.ndarray:
    """Return a table with the label in the first column, followed by four features. kind: a predictor_type."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, 4))
    labels = BIAS + features @ WEIGHTS + NOISE * rng.normal(size=rows)
    if kind != "regressor":
        labels = np.digitize(labels, [20] if kind == "binary_classifier" else [18, 22])
    return np.column_stack([labels, features * SCALES + SHIFTS]).round(6)


def csv_of(values: np.ndarray) -> str:
    return "".join(",".join(map(repr, row)) + "\n" for row in values.tolist())


def hyperparameters(kind: str, **settings: Any) -> dict[str, str]:
    classes = {"num_classes": 3} if kind == "multiclass_classifier" else {}
    return {name: str(value) for name, value in ({"predictor_type": kind} | classes | settings).items()}
