"""Chooses the threshold of a binary classifier by the criterion that the hyperparameters name."""

from collections.abc import Mapping
from typing import Any

import numpy as np

LOSS_CRITERIA = ("loss_function", "cross_entropy_loss")  # they depend on the scores alone


def best_threshold(scores: Any, labels: Any, default: float, settings: Mapping[str, Any]) -> float:
    """Return the threshold that is best for scores (rows) and labels (rows) of 0 and 1.

    Each midpoint between neighbouring scores is tried. `default` wins if it is among the best, or if the criterion does
    not depend on a threshold.
    """
    criterion = settings["binary_classifier_model_selection_criteria"]
    if criterion in LOSS_CRITERIA:
        return default
    distinct = np.unique(scores)
    thresholds = np.append((distinct[1:] + distinct[:-1]) / 2, default)
    order = np.argsort(scores)
    # the number of rows, and of positive rows, above each threshold
    first = np.searchsorted(scores[order], thresholds, side="right")
    positives = np.append(np.cumsum(labels[order][::-1])[::-1], 0)
    predicted, correct, total = len(scores) - first, positives[first], labels.sum()
    precision = correct / np.maximum(predicted, 1)
    recall = correct / max(total, 1)
    if criterion == "accuracy":
        value = correct + (len(labels) - total) - (predicted - correct)
    elif criterion == "precision_at_target_recall":
        value = _at_least(recall, settings["target_recall"], precision)
    elif criterion == "recall_at_target_precision":
        value = _at_least(precision, settings["target_precision"], recall)
    else:
        beta = 1.0 if criterion == "f1" else settings["f_beta"]
        value = (1 + beta**2) * correct / (beta**2 * max(total, 1) + predicted)
    best = value.max()
    return float(default if value[-1] == best else thresholds[np.argmax(value)])


def _at_least(held: Any, target: float, maximized: Any) -> Any:
    """Return the quantity to maximise where `held` reaches the target, and elsewhere the distance to the target."""
    return np.where(held >= target, maximized, held - target)
