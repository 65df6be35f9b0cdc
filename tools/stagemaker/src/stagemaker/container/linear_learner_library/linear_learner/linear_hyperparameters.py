"""The hyperparameters of Linear Learner: their names, types, ranges and defaults.

Source: "Linear learner hyperparameters" in SageMaker's Developer Guide, and values that SageMaker's SDK accepts.
"""

from collections.abc import Mapping
from typing import Any

from .errors import CustomerError

REGRESSOR, BINARY, MULTICLASS = "regressor", "binary_classifier", "multiclass_classifier"
# by predictor_type: its losses, of which the first is the default, and the losses of scikit-learn's estimators
LOSSES = {
    REGRESSOR: {
        "squared_loss": "squared_error",
        "absolute_loss": "epsilon_insensitive",
        "huber_loss": "huber",
        "eps_insensitive_squared_loss": "squared_epsilon_insensitive",
        "eps_insensitive_absolute_loss": "epsilon_insensitive",
        "quantile_loss": "",  # not simulated
    },
    BINARY: {"logistic": "log_loss", "hinge_loss": "hinge"},
    MULTICLASS: {"softmax_loss": "log_loss"},
}
CRITERIA = (
    *("accuracy", "f1", "f_beta", "precision_at_target_recall", "recall_at_target_precision"),
    *("cross_entropy_loss", "loss_function"),
)
# by name: the type, the interval or the choices, the default, and other values that it can have
SETTINGS: dict[str, tuple[type, Any, Any, tuple[str, ...]]] = {
    "accuracy_top_k": (int, "[1, inf)", 3, ()),
    "balance_multiclass_weights": (bool, None, False, ()),
    "beta_1": (float, "[0, 1)", "auto", ("auto",)),
    "beta_2": (float, "[0, 1)", "auto", ("auto",)),
    "bias_lr_mult": (float, "(0, inf)", "auto", ("auto",)),
    "bias_wd_mult": (float, "[0, inf)", "auto", ("auto",)),
    "binary_classifier_model_selection_criteria": (str, CRITERIA, "accuracy", ()),
    "early_stopping_patience": (int, "[1, inf)", 3, ()),
    "early_stopping_tolerance": (float, "(0, inf)", 0.001, ()),
    "epochs": (int, "[1, inf)", 15, ()),
    "f_beta": (float, "(0, 1e100]", 1.0, ()),  # its square must be finite
    "feature_dim": (int, "[1, inf)", "auto", ("auto",)),
    "huber_delta": (float, "(0, inf)", 1.0, ()),
    "init_bias": (float, "(-inf, inf)", 0.0, ()),
    "init_method": (str, ("uniform", "normal"), "uniform", ()),
    "init_scale": (float, "(0, inf)", 0.07, ()),
    "init_sigma": (float, "(0, inf)", 0.01, ()),
    "l1": (float, "[0, inf)", "auto", ("auto",)),
    "learning_rate": (float, "(0, inf)", "auto", ("auto",)),
    "loss": (str, ("auto", *(loss for losses in LOSSES.values() for loss in losses)), "auto", ()),
    "loss_insensitivity": (float, "(0, inf)", 0.01, ()),
    "lr_scheduler_factor": (float, "(0, 1)", "auto", ("auto",)),
    "lr_scheduler_minimum_lr": (float, "(0, inf)", "auto", ("auto",)),
    "lr_scheduler_step": (int, "[1, inf)", "auto", ("auto",)),
    "margin": (float, "[0, inf)", 1.0, ()),
    "mini_batch_size": (int, "[1, inf)", None, ()),
    "momentum": (float, "[0, 1)", "auto", ("auto",)),
    "normalize_data": (bool, None, True, ("auto",)),
    "normalize_label": (bool, None, "auto", ("auto",)),
    "num_calibration_samples": (int, "[1, inf)", None, ("auto",)),
    "num_classes": (int, "[3, 1000000]", None, ()),
    "num_models": (int, "[1, inf)", None, ("auto",)),
    "num_point_for_scaler": (int, "[1, inf)", None, ()),
    "optimizer": (str, ("auto", "adam", "sgd", "rmsprop"), "auto", ()),
    "positive_example_weight_mult": (float, "(0, inf)", 1.0, ("balanced", "auto")),
    "predictor_type": (str, (REGRESSOR, BINARY, MULTICLASS), None, ()),
    "quantile": (float, "(0, 1)", None, ()),
    "target_precision": (float, "(0, 1)", 0.8, ()),
    "target_recall": (float, "(0, 1)", 0.8, ()),
    "unbias_data": (bool, None, "auto", ("auto",)),
    "unbias_label": (bool, None, "auto", ("auto",)),
    "use_bias": (bool, None, True, ()),
    "use_lr_scheduler": (bool, None, True, ()),
    "wd": (float, "[0, inf)", "auto", ("auto",)),
}
# these control how AWS parallelises training, which is not simulated
UNUSED_SETTINGS = ("mini_batch_size", "num_calibration_samples", "num_models", "num_point_for_scaler")
# scikit-learn has no counterparts of these, so they must have their defaults
FIXED_SETTINGS = (
    *("beta_1", "beta_2", "bias_lr_mult", "bias_wd_mult", "init_bias", "init_method", "init_scale", "init_sigma"),
    *("lr_scheduler_factor", "lr_scheduler_minimum_lr", "lr_scheduler_step", "margin", "momentum", "optimizer"),
    "use_lr_scheduler",
)
TUNING_OBJECTIVE = "_tuning_objective_metric"  # added by tuning jobs, for the algorithm


def validate(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """Return all hyperparameters, converted to their types, with defaults, and with a specific loss instead of `auto`.

    num_classes is 2 for a binary classifier and None for a regressor. Raises CustomerError.
    """
    for name in hyperparameters:
        if name not in SETTINGS and name != TUNING_OBJECTIVE:
            advice = f"valid hyperparameters are {', '.join(sorted(SETTINGS))}"
            if name.startswith("sagemaker_"):
                advice = "linear-learner images do not run scripts"
            # the first part is AWS's message
            raise CustomerError(f"Additional hyperparameters are not allowed ('{name}' was unexpected): {advice}")
    strings = {name: str(string) for name, string in hyperparameters.items() if name != TUNING_OBJECTIVE}
    values = {name: _parse_value(name, string) for name, string in strings.items()}
    for name in ("predictor_type", *(["num_classes"] if values.get("predictor_type") == MULTICLASS else [])):
        if name not in values:
            raise CustomerError(f"No value(s) were specified for '{name}' which are required hyperparameter(s)")
    defaults = {name: default for name, (_, _, default, _) in SETTINGS.items() if default is not None}
    for name in FIXED_SETTINGS:
        if values.get(name, defaults[name]) != defaults[name]:
            raise CustomerError(f"{name} {strings[name]} is not simulated: remove it (its default is {defaults[name]})")
    values = defaults | values
    if values["predictor_type"] != MULTICLASS:  # AWS ignores it, too
        values["num_classes"] = 2 if values["predictor_type"] == BINARY else None
    losses = LOSSES[values["predictor_type"]]
    if values["loss"] == "auto":
        values["loss"] = next(iter(losses))
    if values["loss"] not in losses:
        raise CustomerError(
            f"loss is '{values['loss']}': with the predictor_type {values['predictor_type']} it must be one of "
            f"{', '.join(losses)}"
        )
    if values["loss"] == "quantile_loss":
        raise CustomerError("loss quantile_loss is not simulated: use absolute_loss, which predicts the median")
    return values


def _parse_value(name: str, string: str) -> Any:
    kind, allowed, _, others = SETTINGS[name]
    if string in others:
        return string
    if kind in (str, bool):
        choices = allowed or ("true", "false", *others)
        value = string if kind is str else string.lower()  # Python programs write True and False
        if value not in choices:
            raise CustomerError(f"{name} is '{string[:200]}': it must be one of {', '.join(choices)}")
        return value if kind is str else value == "true"
    try:
        number = kind(string)
        is_valid = _is_inside(number, allowed)
    except ValueError:
        is_valid = False
    if not is_valid:
        noun = "an integer" if kind is int else "a number"
        alternatives = "".join(f" or {other}" for other in others)
        raise CustomerError(f"{name} is '{string[:200]}': it must be {noun} in {allowed}{alternatives}")
    return number


def _is_inside(value: float, interval: str) -> bool:
    minimum, maximum = map(float, interval[1:-1].split(","))
    is_above_minimum = value >= minimum if interval[0] == "[" else value > minimum
    return is_above_minimum and (value <= maximum if interval[-1] == "]" else value < maximum)
