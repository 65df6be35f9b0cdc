"""Train with Linear Learner: read channels and hyperparameters, and save the model."""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from . import linear_hyperparameters
from .data import read_channel
from .errors import CustomerError
from .linear_hyperparameters import BINARY, MULTICLASS, REGRESSOR
from .linear_model import LinearModel
from .metrics import evaluate, objective, objective_name

LOSS_CRITERIA = ("loss_function", "cross_entropy_loss")  # these do not depend on a threshold
CHANNELS = ("train", "validation", "test")
LEARNING_RATES = {REGRESSOR: 0.3, BINARY: 1.0, MULTICLASS: 1.0}  # the values of `auto`
log = logging.getLogger("linear-learner")
Data = dict[str, tuple[Any, Any]]  # for each channel, features (rows, features) and labels (rows,)


def best_threshold(scores: Any, labels: Any, default: float, hyperparameters: Mapping[str, Any]) -> float:
    """Return the best threshold for scores (rows) and labels (rows) of 0 and 1.

    The candidates are `default`, which wins ties, and the midpoints between scores. A loss criterion selects `default`.
    """
    criterion = hyperparameters["binary_classifier_model_selection_criteria"]
    if criterion in LOSS_CRITERIA:
        return default
    values = np.unique(scores)
    thresholds = np.append((values[1:] + values[:-1]) / 2, default)
    order = np.argsort(scores)
    # the number of rows, and of positive rows, above each threshold
    first_rows = np.searchsorted(scores[order], thresholds, side="right")
    positives = np.append(np.cumsum(labels[order][::-1])[::-1], 0)
    predicted, correct, total = len(scores) - first_rows, positives[first_rows], labels.sum()
    precision = correct / np.maximum(predicted, 1)
    recall = correct / max(total, 1)
    if criterion == "accuracy":
        value = correct + (len(labels) - total) - (predicted - correct)
    elif criterion == "precision_at_target_recall":
        value = _maximize_above(recall, hyperparameters["target_recall"], precision)
    elif criterion == "recall_at_target_precision":
        value = _maximize_above(precision, hyperparameters["target_precision"], recall)
    else:
        beta = 1.0 if criterion == "f1" else hyperparameters["f_beta"]
        value = (1 + beta**2) * correct / (beta**2 * max(total, 1) + predicted)
    best = value.max()
    return float(default if value[-1] == best else thresholds[np.argmax(value)])


def _maximize_above(constrained: Any, target: float, maximized: Any) -> Any:
    """Return `maximized` where `constrained` reaches the target, and `constrained - target` elsewhere."""
    return np.where(constrained >= target, maximized, constrained - target)


def train(base: Path) -> None:
    """Train on the channels below `base` (such as /opt/ml) and save the model. Raises CustomerError."""
    config = base / "input/config"
    submitted = json.loads((config / "hyperparameters.json").read_text())
    hyperparameters = linear_hyperparameters.validate(submitted)
    log.info("Linear Learner is imitated with scikit-learn: results differ from AWS's.")
    if names := sorted(submitted.keys() & {*linear_hyperparameters.UNUSED_SETTINGS}):
        log.info("Hyperparameters that have no effect here: %s.", ", ".join(names))
    data = _read_data(base / "input/data", json.loads((config / "inputdataconfig.json").read_text()), hyperparameters)
    model = fit(data, hyperparameters)
    selection = data.get("validation", data["train"])
    if model.predictor_type == BINARY:
        default = 0.0 if model.loss == "hinge_loss" else 0.5
        threshold = best_threshold(model.scores(selection[0]), selection[1], default, hyperparameters)
        model = replace(model, threshold=threshold)
    for channel, (features, labels) in data.items():
        for name, kind, value in evaluate(model, features, labels, hyperparameters):
            log.info("#quality_metric: host=algo-1, %s %s <%s>=%r", channel, name, kind, value)
    model.save(base / "model")


def _read_data(folder: Path, channels: Mapping[str, Any], hyperparameters: Mapping[str, Any]) -> Data:
    if unknown_channels := sorted(channels.keys() - {*CHANNELS}):
        raise CustomerError(f"unknown channel {unknown_channels[0]}: valid channels are {', '.join(CHANNELS)}")
    if "train" not in channels:
        raise CustomerError("the train channel is required")
    data = {
        name: read_channel(folder / name, channels[name].get("ContentType")) for name in CHANNELS if name in channels
    }
    for name, (features, labels) in data.items():
        n_features, classes = hyperparameters["feature_dim"], hyperparameters["num_classes"]
        if n_features not in ("auto", features.shape[1]):
            raise CustomerError(f"feature_dim is {n_features}, but the {name} channel has {features.shape[1]} features")
        n_train = data["train"][0].shape[1]
        if features.shape[1] != n_train:
            raise CustomerError(
                f"the {name} channel has {features.shape[1]} features, but the train channel has {n_train}"
            )
        if classes and (invalid_rows := np.flatnonzero(~np.isin(labels, np.arange(classes)))).size:
            raise CustomerError(
                f"the labels of a {hyperparameters['predictor_type']} must be integers from 0 to {classes - 1}, "
                f"but row {invalid_rows[0] + 1} of the {name} channel has {labels[invalid_rows[0]]:g}"
            )
    return data


def fit(data: Data, hyperparameters: Mapping[str, Any]) -> LinearModel:
    """Return the model from the best epoch. Raises CustomerError if training diverges in the first epoch."""
    features, labels = data["train"]
    feature_scaler, label_scaler = _make_scalers(features, labels, hyperparameters)
    scaled_features = feature_scaler.transform(features)
    scaled_labels = label_scaler.transform(labels[:, None])[:, 0] if label_scaler else labels
    estimator = _make_estimator(scaled_features, label_scaler, hyperparameters)
    weights = _row_weights(labels, hyperparameters)
    classes = {} if label_scaler else {"classes": np.arange(hyperparameters["num_classes"])}
    selection = "validation" if "validation" in data else "train"
    best_model, best_loss, epochs_without_improvement = None, np.inf, 0
    start = time.monotonic()
    epochs = hyperparameters["epochs"]
    for epoch in range(epochs):
        try:
            estimator.partial_fit(scaled_features, scaled_labels, sample_weight=weights, **classes)
            model = _to_model(estimator, feature_scaler, label_scaler, hyperparameters)
            with np.errstate(over="ignore", invalid="ignore"):  # objective() checks its result
                losses = {name: objective(model, *data[name], hyperparameters) for name in data if name != "test"}
        except (ValueError, FloatingPointError) as error:
            reason = str(error)
            log.info("Early stopping: training diverged in epoch %d (%s).", epoch, reason)
            break
        name = objective_name(hyperparameters["loss"])
        for channel, loss in losses.items():
            log.info("#quality_metric: host=algo-1, epoch=%d, %s %s <loss>=%r", epoch, channel, name, loss)
        log.info("#progress_metric: host=algo-1, completed %d %% of epochs", 100 * (epoch + 1) // epochs)
        is_improved = losses[selection] < best_loss * (1 - hyperparameters["early_stopping_tolerance"])
        epochs_without_improvement = 0 if is_improved else epochs_without_improvement + 1
        if losses[selection] < best_loss:
            best_model, best_loss = model, losses[selection]
        if epochs_without_improvement >= hyperparameters["early_stopping_patience"]:
            log.info(
                "Early stopping: the %s loss has not improved in %d epochs.", selection, epochs_without_improvement
            )
            break
    speed = len(labels) * (epoch + 1) / max(time.monotonic() - start, 1e-9)
    log.info("#throughput_metric: host=algo-1, train throughput=%r records/second", speed)
    if best_model is None:
        disabled = [name for name in ("normalize_data", "normalize_label") if hyperparameters[name] is False]
        fix = f", or set {' and '.join(disabled)} to true" if disabled else ""
        raise CustomerError(f"training diverged in epoch 0: lower learning_rate{fix} ({reason})")
    return best_model


def _make_scalers(features: Any, labels: Any, hyperparameters: Mapping[str, Any]) -> tuple[Any, Any]:
    def scaler(kind: str, values: Any) -> Any:  # `auto` is true
        is_shifted = hyperparameters["use_bias"] and hyperparameters[f"unbias_{kind}"] is not False
        is_scaled = hyperparameters[f"normalize_{kind}"] is not False
        return StandardScaler(with_mean=is_shifted, with_std=is_scaled).fit(values)

    is_regressor = hyperparameters["predictor_type"] == REGRESSOR
    return scaler("data", features), scaler("label", labels[:, None]) if is_regressor else None


def _make_estimator(features: Any, label_scaler: Any, hyperparameters: Mapping[str, Any]) -> Any:
    l1, wd = (0.0 if hyperparameters[name] == "auto" else hyperparameters[name] for name in ("l1", "wd"))
    rate = hyperparameters["learning_rate"]
    rate = LEARNING_RATES[hyperparameters["predictor_type"]] if rate == "auto" else rate
    # a step follows the gradient of one row; relative to the rows' norms, learning rates up to 1 do not diverge
    step = rate / (1 + np.mean(np.sum(features**2, axis=1)))
    penalty, epsilon = l1 + wd, 0.0
    if hyperparameters["loss"] == "huber_loss":
        epsilon = hyperparameters["huber_delta"] / _label_scale(label_scaler)
        # the loss is divided by its maximum slope, so that labels of any size need the same number of epochs
        slope = min(1, epsilon)
        step, penalty = step / slope, penalty * slope
    elif hyperparameters["loss"].startswith("eps_"):
        epsilon = hyperparameters["loss_insensitivity"] / _label_scale(label_scaler)
    kind = SGDRegressor if hyperparameters["predictor_type"] == REGRESSOR else SGDClassifier
    return kind(
        loss=linear_hyperparameters.LOSSES[hyperparameters["predictor_type"]][hyperparameters["loss"]],
        penalty="elasticnet" if penalty else None,
        alpha=penalty,
        l1_ratio=l1 / (l1 + wd) if l1 + wd else 0.0,
        fit_intercept=hyperparameters["use_bias"],
        epsilon=epsilon,
        learning_rate="invscaling",
        eta0=step,
        power_t=0.25,
        random_state=0,
    )


def _label_scale(scaler: Any) -> float:
    return 1.0 if scaler.scale_ is None else float(scaler.scale_[0])


def _row_weights(labels: Any, hyperparameters: Mapping[str, Any]) -> Any:
    """Return the weight of each row, or None if all weights are equal. Balanced classes have equal total weights."""
    kind, multiplier = hyperparameters["predictor_type"], hyperparameters["positive_example_weight_mult"]
    if kind == REGRESSOR or (kind == MULTICLASS and not hyperparameters["balance_multiclass_weights"]):
        return None
    if kind == MULTICLASS:
        return compute_sample_weight("balanced", labels)
    if isinstance(multiplier, str):
        positives = labels.sum()
        multiplier = (len(labels) - positives) / positives if 0 < positives < len(labels) else 1.0
    return np.where(labels == 1, multiplier, 1.0)


def _to_model(
    estimator: Any, feature_scaler: Any, label_scaler: Any, hyperparameters: Mapping[str, Any]
) -> LinearModel:
    weights, bias = np.atleast_2d(estimator.coef_).astype(float), np.atleast_1d(estimator.intercept_).astype(float)
    if feature_scaler.scale_ is not None:
        weights = weights / feature_scaler.scale_
    if feature_scaler.with_mean:
        bias = bias - weights @ feature_scaler.mean_
    if label_scaler is not None:
        scale = _label_scale(label_scaler)
        weights, bias = weights * scale, bias * scale + (label_scaler.mean_[0] if label_scaler.with_mean else 0.0)
    if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
        raise FloatingPointError("a weight is not a finite number")
    return LinearModel(hyperparameters["predictor_type"], hyperparameters["loss"], weights, bias)
