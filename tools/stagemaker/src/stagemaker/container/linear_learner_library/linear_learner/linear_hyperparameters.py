"""The hyperparameters of Linear Learner: their names, types, ranges and defaults.

They are those of the page "Linear learner hyperparameters" of SageMaker's Developer Guide, and the values that
SageMaker's SDK accepts in addition.
"""

from collections.abc import Mapping
from typing import Any

from .errors import CustomerError

REGRESSOR, BINARY, MULTICLASS = "regressor", "binary_classifier", "multiclass_classifier"
# by predictor_type: its losses, of which the first is the default
LOSSES = {
    REGRESSOR: (
        "squared_loss",
        "absolute_loss",
        "huber_loss",
        "eps_insensitive_squared_loss",
        "eps_insensitive_absolute_loss",
        "quantile_loss",
    ),
    BINARY: ("logistic", "hinge_loss"),
    MULTICLASS: ("softmax_loss",),
}
INTEGERS = {
    "accuracy_top_k": "[1, inf)",
    "early_stopping_patience": "[1, inf)",
    "epochs": "[1, inf)",
    "feature_dim": "[1, inf)",
    "lr_scheduler_step": "[1, inf)",
    "mini_batch_size": "[1, inf)",
    "num_calibration_samples": "[1, inf)",
    "num_classes": "[3, 1000000]",
    "num_models": "[1, inf)",
    "num_point_for_scaler": "[1, inf)",
}
NUMBERS = {
    "beta_1": "[0, 1)",
    "beta_2": "[0, 1)",
    "bias_lr_mult": "(0, inf)",
    "bias_wd_mult": "[0, inf)",
    "early_stopping_tolerance": "(0, inf)",
    "f_beta": "(0, 1e100]",  # its square must be finite
    "huber_delta": "(0, inf)",
    "init_bias": "(-inf, inf)",
    "init_scale": "(0, inf)",
    "init_sigma": "(0, inf)",
    "l1": "[0, inf)",
    "learning_rate": "(0, inf)",
    "loss_insensitivity": "(0, inf)",
    "lr_scheduler_factor": "(0, 1)",
    "lr_scheduler_minimum_lr": "(0, inf)",
    "margin": "[0, inf)",
    "momentum": "[0, 1)",
    "positive_example_weight_mult": "(0, inf)",
    "quantile": "(0, 1)",
    "target_precision": "(0, 1)",
    "target_recall": "(0, 1)",
    "wd": "[0, inf)",
}
BOOLEANS = (
    "balance_multiclass_weights",
    "normalize_data",
    "normalize_label",
    "unbias_data",
    "unbias_label",
    "use_bias",
    "use_lr_scheduler",
)
CHOICES = {
    "binary_classifier_model_selection_criteria": (
        "accuracy",
        "f1",
        "f_beta",
        "precision_at_target_recall",
        "recall_at_target_precision",
        "cross_entropy_loss",
        "loss_function",
    ),
    "init_method": ("uniform", "normal"),
    "loss": ("auto", *(loss for losses in LOSSES.values() for loss in losses)),
    "optimizer": ("auto", "adam", "sgd", "rmsprop"),
    "predictor_type": (REGRESSOR, BINARY, MULTICLASS),
}
# besides numbers or true and false
OTHER_VALUES = {
    **dict.fromkeys(("normalize_data", "normalize_label", "unbias_data", "unbias_label"), ("auto",)),
    **dict.fromkeys(("beta_1", "beta_2", "bias_lr_mult", "bias_wd_mult", "feature_dim", "l1"), ("auto",)),
    **dict.fromkeys(("learning_rate", "lr_scheduler_factor", "lr_scheduler_minimum_lr"), ("auto",)),
    **dict.fromkeys(("lr_scheduler_step", "momentum", "num_calibration_samples", "num_models", "wd"), ("auto",)),
    "positive_example_weight_mult": ("balanced", "auto"),
}
# these say how AWS divides its work, which is not divided here
UNUSED = ("mini_batch_size", "num_calibration_samples", "num_models", "num_point_for_scaler")
# scikit-learn has no counterpart of these, so they must have their defaults, besides auto
FIXED = {
    "beta_1": "auto",
    "beta_2": "auto",
    "bias_lr_mult": "auto",
    "bias_wd_mult": "auto",
    "init_bias": 0.0,
    "init_method": "uniform",
    "init_scale": 0.07,
    "init_sigma": 0.01,
    "lr_scheduler_factor": "auto",
    "lr_scheduler_minimum_lr": "auto",
    "lr_scheduler_step": "auto",
    "margin": 1.0,
    "momentum": "auto",
    "optimizer": "auto",
    "use_lr_scheduler": True,
}
TUNING_OBJECTIVE = "_tuning_objective_metric"  # a tuning job adds it for the algorithm to read
DEFAULTS: dict[str, Any] = {
    "accuracy_top_k": 3,
    "balance_multiclass_weights": False,
    "binary_classifier_model_selection_criteria": "accuracy",
    "early_stopping_patience": 3,
    "early_stopping_tolerance": 0.001,
    "epochs": 15,
    "f_beta": 1.0,
    "feature_dim": "auto",
    "huber_delta": 1.0,
    "l1": "auto",
    "learning_rate": "auto",
    "loss": "auto",
    "loss_insensitivity": 0.01,
    "normalize_data": True,
    "normalize_label": "auto",
    "positive_example_weight_mult": 1.0,
    "target_precision": 0.8,
    "target_recall": 0.8,
    "unbias_data": "auto",
    "unbias_label": "auto",
    "use_bias": True,
    "wd": "auto",
}
NAMES = {*INTEGERS, *NUMBERS, *BOOLEANS, *CHOICES}


def validate(texts: Mapping[str, str]) -> dict[str, Any]:
    """Return all hyperparameters with their types and defaults, and without `auto` for the loss.

    num_classes is 2 for a binary classifier and None for a regressor, whatever its text. Raises CustomerError for the
    first hyperparameter that is invalid or not simulated.
    """
    for name in texts:
        if name not in NAMES and name != TUNING_OBJECTIVE:
            advice = f"valid hyperparameters are {', '.join(sorted(NAMES))}"
            if name.startswith("sagemaker_"):
                advice = "linear-learner images run no script"
            # the first part is AWS's message
            raise CustomerError(f"Additional hyperparameters are not allowed ('{name}' was unexpected): {advice}")
    values = {name: _parse_value(name, str(text)) for name, text in texts.items() if name != TUNING_OBJECTIVE}
    for name in ("predictor_type", *(["num_classes"] if values.get("predictor_type") == MULTICLASS else [])):
        if name not in values:
            raise CustomerError(f"No value(s) were specified for '{name}' which are required hyperparameter(s)")
    for name, default in FIXED.items():
        if values.get(name, default) != default:
            raise CustomerError(f"{name} {texts[name]} is not simulated: remove it (its default is {default})")
    values = DEFAULTS | values
    if values["predictor_type"] != MULTICLASS:  # AWS ignores it, too
        values["num_classes"] = 2 if values["predictor_type"] == BINARY else None
    losses = LOSSES[values["predictor_type"]]
    if values["loss"] == "auto":
        values["loss"] = losses[0]
    if values["loss"] not in losses:
        raise CustomerError(
            f"loss is '{values['loss']}': with the predictor_type {values['predictor_type']} it must be one of "
            f"{', '.join(losses)}"
        )
    if values["loss"] == "quantile_loss":
        raise CustomerError("loss quantile_loss is not simulated: use absolute_loss, which predicts the median")
    return values


def _parse_value(name: str, text: str) -> Any:
    others = OTHER_VALUES.get(name, ())
    if text in others:
        return text
    if name in CHOICES or name in BOOLEANS:
        choices = CHOICES.get(name) or ("true", "false", *others)
        value = text if name in CHOICES else text.lower()  # Python programs write True and False
        if value not in choices:
            raise CustomerError(f"{name} is '{text[:200]}': it must be one of {', '.join(choices)}")
        return value if name in CHOICES else value == "true"
    interval = INTEGERS.get(name) or NUMBERS[name]
    kind, noun = (int, "a whole number") if name in INTEGERS else (float, "a number")
    try:
        number = kind(text)
        is_valid = _is_in(number, interval)
    except ValueError:
        is_valid = False
    if not is_valid:
        alternatives = "".join(f" or {other}" for other in others)
        raise CustomerError(f"{name} is '{text[:200]}': it must be {noun} in {interval}{alternatives}")
    return number


def _is_in(value: float, interval: str) -> bool:
    minimum, maximum = map(float, interval[1:-1].split(","))
    is_above_minimum = value >= minimum if interval[0] == "[" else value > minimum
    return is_above_minimum and (value <= maximum if interval[-1] == "]" else value < maximum)
