"""The metrics of the built-in algorithm: XGBoost's own, and others computed with scikit-learn."""

from functools import partial
from typing import Any

import numpy as np

from ..image_version import is_before

XGBOOST_METRICS = (
    "aft-nloglik auc aucpr cox-nloglik error gamma-deviance gamma-nloglik interval-regression-accuracy logloss mae map "
    "mape merror mlogloss mphe ndcg poisson-nloglik rmse rmsle tweedie-nloglik"
).split()
MAXIMIZED_METRICS = frozenset(["auc", "aucpr", "map", "ndcg"])  # the others are minimised
REGRESSION_METRICS = ("mse", "r2")
CLASSIFICATION_METRICS = (
    "accuracy balanced_accuracy f1 f1_binary f1_macro precision precision_macro precision_micro recall recall_macro "
    "recall_micro"
).split()
# by objective: XGBoost's former default eval_metric, and the version that changed it
EARLIER_METRICS = {
    "binary:logistic": ("error", (1, 3)),
    "multi:softmax": ("merror", (1, 3)),
    "multi:softprob": ("merror", (1, 3)),
    "binary:logitraw": ("auc", (1, 4)),
}


def earlier_metric(objective: str) -> str | None:
    """Return the image's default eval_metric, or None if the installed XGBoost has the same default."""
    if objective not in EARLIER_METRICS:
        return None
    name, version = EARLIER_METRICS[objective]
    return name if is_before(*version) else None


def is_maximized(name: str) -> bool:
    """Return whether the image maximises this metric. It minimises all metrics with an @ suffix, such as ndcg@5."""
    return name in MAXIMIZED_METRICS or name == "r2" or name in CLASSIFICATION_METRICS


def evaluate(names: list[str], objective: str, predictions: Any, data: Any) -> list[tuple[str, float]]:
    """Return the name and value of each metric, in the form that xgboost.train requires."""
    labels, classes = data.get_label(), _to_classes(predictions, objective)
    values = {name: predictions if name in REGRESSION_METRICS else classes for name in names}
    return [(name, float(_metric_function(name)(labels, values[name]))) for name in names]


def _to_classes(predictions: Any, objective: str) -> Any:
    if predictions.ndim > 1 and predictions.shape[1] > 1:
        return np.argmax(predictions, axis=1)
    if objective == "multi:softmax":
        return predictions
    return (predictions > (0 if objective == "binary:logitraw" else 0.5)).astype(int)


def _metric_function(name: str) -> Any:
    from sklearn import metrics

    if name == "mse":
        return metrics.mean_squared_error
    if name in ("accuracy", "balanced_accuracy", "r2"):
        return getattr(metrics, f"{name}_score")
    kind, _, average = name.partition("_")
    average = average or ("macro" if kind == "f1" else "binary")
    return partial(getattr(metrics, f"{kind}_score"), average=average, zero_division=0)
