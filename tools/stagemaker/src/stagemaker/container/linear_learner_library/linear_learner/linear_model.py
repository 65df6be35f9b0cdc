"""Score and predict with a linear model, and read and write its file."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from .errors import CustomerError
from .linear_hyperparameters import BINARY, MULTICLASS, REGRESSOR

FILE = "linear-learner.json"
AWS_FILE = "model_algo-1"  # saved by AWS's image: a zip archive of an MXNet model


@dataclass(frozen=True)
class LinearModel:
    """A linear model of unscaled features.

    weights (outputs, features), bias (outputs): one output per class of a multiclass classifier, otherwise one.
    threshold: the score above which a binary classifier predicts label 1.
    """

    predictor_type: str
    loss: str
    weights: Any
    bias: Any
    threshold: float = 0.5

    def outputs(self, features: Any) -> Any:
        """Return the linear outputs (rows, outputs). Raises CustomerError for the wrong number of features."""
        size = self.weights.shape[1]
        if features.shape[1] != size:
            raise CustomerError(f"the number of features is {features.shape[1]}, but the model was trained with {size}")
        return features @ self.weights.T + self.bias

    def scores(self, features: Any) -> Any:
        """Return the scores (rows,), or (rows, classes) for a multiclass classifier.

        A regressor's scores are its predictions; a classifier's are probabilities, except with hinge_loss.
        """
        outputs = self.outputs(features)
        if self.predictor_type == MULTICLASS:  # one classifier per class against all others
            probabilities = np.maximum(expit(outputs), np.finfo(float).tiny)
            return probabilities / probabilities.sum(axis=1, keepdims=True)
        return expit(outputs[:, 0]) if self.loss == "logistic" else outputs[:, 0]

    def labels(self, scores: Any) -> Any:
        """Return a classifier's labels (rows,) for scores."""
        return np.argmax(scores, axis=1) if self.predictor_type == MULTICLASS else (scores > self.threshold).astype(int)

    def predictions(self, features: Any) -> list[dict[str, Any]]:
        """Return a response's predictions, with 32-bit scores as on AWS. Raises CustomerError if one is not finite."""
        with np.errstate(over="ignore", invalid="ignore"):
            scores = self.scores(features)
            rounded_scores = scores.astype(np.float32)
        if not (is_finite := np.isfinite(rounded_scores.reshape(len(rounded_scores), -1)).all(axis=1)).all():
            raise CustomerError(f"the score of row {np.argmin(is_finite) + 1} is not a finite 32-bit number")
        members = {"score": rounded_scores.tolist()}
        if self.predictor_type != REGRESSOR:
            members["predicted_label"] = self.labels(scores).tolist()
        return [dict(zip(members, row, strict=True)) for row in zip(*members.values(), strict=True)]

    def save(self, folder: Path) -> None:
        members = asdict(self) | {"weights": self.weights.tolist(), "bias": self.bias.tolist()}
        (folder / FILE).write_text(json.dumps(members), "utf-8")


def load_model(folder: Path) -> LinearModel:
    """Load the model in a folder. Raises CustomerError if the model is missing or invalid."""
    if not (folder / FILE).is_file():
        if (folder / AWS_FILE).exists():
            raise CustomerError(
                f"{AWS_FILE} is an MXNet model from AWS, which cannot be loaded: retrain the model here"
            )
        raise CustomerError(f"the model's archive has no {FILE} at its top level")
    try:
        members = json.loads((folder / FILE).read_text("utf-8"))
        weights, bias = (np.array(members[name], dtype=np.float64) for name in ("weights", "bias"))
        model = LinearModel(**members | {"weights": weights, "bias": bias})
        is_valid = model.predictor_type in (REGRESSOR, BINARY, MULTICLASS) and bias.shape == weights.shape[:1]
        is_valid &= len(bias) == 1 or model.predictor_type == MULTICLASS
        if not is_valid or weights.ndim != 2 or not isinstance(model.threshold, int | float):
            raise ValueError("a member has an unexpected type or shape")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CustomerError(f"{FILE} is not a model of linear-learner: {error}") from None
    return model
