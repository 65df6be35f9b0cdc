"""The losses and scores that Linear Learner reports, with their names in AWS's logs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn import metrics

from .linear_hyperparameters import BINARY, REGRESSOR
from .linear_model import LinearModel

# names of the objective that differ from the name of the loss
OBJECTIVES = {
    "squared_loss": "mse",
    "logistic": "binary_classification_cross_entropy",
    "softmax_loss": "multiclass_cross_entropy",
}


def objective_name(loss: str) -> str:
    return f"{OBJECTIVES.get(loss, loss)}_objective"


def objective(model: LinearModel, features: Any, labels: Any, hyperparameters: Mapping[str, Any]) -> float:
    """Return the mean loss for unscaled labels. Raises FloatingPointError if it is not finite."""
    value = float(np.mean(_losses(model, features, labels, hyperparameters)))
    if not np.isfinite(value):
        raise FloatingPointError("the loss is not a finite number")
    return value


def _losses(model: LinearModel, features: Any, labels: Any, hyperparameters: Mapping[str, Any]) -> Any:
    if model.loss == "softmax_loss":
        return -np.log(model.scores(features)[np.arange(len(labels)), labels.astype(int)])
    outputs = model.outputs(features)[:, 0]
    if model.loss == "logistic":
        return np.logaddexp(0, outputs) - labels * outputs
    if model.loss == "hinge_loss":
        return np.maximum(0, 1 - (2 * labels - 1) * outputs)
    errors, delta = np.abs(outputs - labels), hyperparameters["huber_delta"]
    excess = np.maximum(0, errors - hyperparameters["loss_insensitivity"])
    return {
        "squared_loss": errors**2,
        "absolute_loss": errors,
        "huber_loss": np.where(errors < delta, errors**2 / 2, delta * (errors - delta / 2)),
        "eps_insensitive_squared_loss": excess**2,
        "eps_insensitive_absolute_loss": excess,
    }[model.loss]


def evaluate(
    model: LinearModel, features: Any, labels: Any, hyperparameters: Mapping[str, Any]
) -> list[tuple[str, str, float]]:
    """Return a data set's final metrics as tuples (name, kind, value), where kind is `loss` or `score`."""
    results = [(objective_name(model.loss), "loss", objective(model, features, labels, hyperparameters))]
    scores, beta = model.scores(features), hyperparameters["f_beta"]
    if model.predictor_type == REGRESSOR:
        errors = np.abs(scores - labels)
        return [*results, ("mse", "loss", float(np.mean(errors**2))), ("absolute_loss", "loss", float(np.mean(errors)))]
    predicted, is_binary = model.labels(scores), model.predictor_type == BINARY
    precision, recall, f_score, _ = metrics.precision_recall_fscore_support(
        labels, predicted, beta=beta, average="binary" if is_binary else "macro", zero_division=0
    )
    accuracy = metrics.accuracy_score(labels, predicted)
    values: dict[str, Any]
    if is_binary:
        values = {"binary_classification_accuracy": accuracy, f"binary_f_{beta:.3f}": f_score}
        values |= {"precision": precision, "recall": recall}
        if len(np.unique(labels)) == 2:  # otherwise it is undefined
            values["roc_auc_score"] = metrics.roc_auc_score(labels, scores)
    else:
        # 0 for the label with the highest score
        ranks = (scores > scores[np.arange(len(labels)), labels.astype(int)][:, None]).sum(axis=1)
        top_k = hyperparameters["accuracy_top_k"]
        values = {"multiclass_accuracy": accuracy, f"multiclass_top_k_accuracy_{top_k}": np.mean(ranks < top_k)}
        values |= {"dcg": np.mean(1 / np.log2(ranks + 2))}
        values |= {"macro_recall": recall, "macro_precision": precision, f"macro_f_{beta:.3f}": f_score}
    return [*results, *((name, "score", float(value)) for name, value in values.items())]
