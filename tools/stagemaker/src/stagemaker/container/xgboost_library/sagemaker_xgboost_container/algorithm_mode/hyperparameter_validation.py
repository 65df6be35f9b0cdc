"""The hyperparameters of the built-in algorithm: their names, types and ranges."""

import ast
import re
from collections.abc import Mapping
from typing import Any

from ..exceptions import UserError
from ..image_version import is_before
from .metrics import CLASSIFICATION_METRICS, REGRESSION_METRICS, XGBOOST_METRICS


def _by_name(names_by_interval: Mapping[str, str]) -> dict[str, str]:
    return {name: interval for interval, names in names_by_interval.items() for name in names.split()}


INTEGERS = _by_name(
    {
        "[0, 1]": "csv_weights silent refresh_leaf one_drop",
        "[0, 3]": "verbosity",
        "[0, inf)": "max_depth max_leaves max_bin",
        "(1, inf)": "prob_buffer_row",
        "[1, inf)": "num_round early_stopping_rounds nthread num_parallel_tree",
        "[2, inf)": "num_class",
        "(-2147483648, 2147483647)": "seed",
    }
)
NUMBERS = _by_name(
    {
        "(0, 1)": "sketch_eps",
        "(0, 1]": "subsample colsample_bytree colsample_bylevel colsample_bynode",
        "[0, 1]": "eta rate_drop skip_drop lambda_bias",
        "(0, inf)": "scale_pos_weight",
        "[0, inf)": "gamma min_child_weight max_delta_step lambda alpha base_score aft_loss_distribution_scale",
        "(1, 2)": "tweedie_variance_power",
    }
)
METRICS = sorted([*XGBOOST_METRICS, *REGRESSION_METRICS, *CLASSIFICATION_METRICS])
CHOICES = {
    "booster": "gbtree gblinear dart",
    "tree_method": "auto exact approx hist",
    "predictor": "auto cpu_predictor",
    "process_type": "default update",
    "grow_policy": "depthwise lossguide",
    "dsplit": "row col",
    "sample_type": "uniform weighted",
    "normalize_type": "tree forest",
    "save_model_on_termination": "true false",
    "deterministic_histogram": "true false",
    "sampling_method": "uniform",
    "use_dask_gpu_training": "false",
    "aft_loss_distribution": "normal logistic extreme",
    "objective": """
        binary:logistic binary:logitraw binary:hinge count:poisson multi:softmax multi:softprob rank:pairwise rank:ndcg
        rank:map reg:linear reg:squarederror reg:logistic reg:gamma reg:pseudohubererror reg:squaredlogerror
        reg:absoluteerror reg:tweedie survival:aft survival:cox
    """,
    "_tuning_objective_metric": " ".join(f"validation:{name}" for name in METRICS),
}
THRESHOLD_METRIC = re.compile(r"(error|map|ndcg)@-?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?")
GROWING_UPDATERS = ("grow_colmaker", "distcol", "grow_histmaker")
UPDATING_UPDATERS = ("refresh", "prune")
TREE_UPDATERS = (*GROWING_UPDATERS, "grow_skmaker", "sync", *UPDATING_UPDATERS)
LINEAR_UPDATERS = ("shotgun", "coord_descent")
GPU_SETTINGS = {"tree_method": "gpu_hist", "predictor": "gpu_predictor", "sampling_method": "gradient_based"}
GPU_SETTINGS |= {"use_dask_gpu_training": "true"}
ALIASES = {"learning_rate": "eta", "min_split_loss": "gamma", "reg_lambda": "lambda", "reg_alpha": "alpha"}
# hyperparameters that SageMaker allows only with these values of tree_method
CONSTRAINTS = {"monotone_constraints": ("exact", "hist"), "interaction_constraints": ("exact", "hist", "approx")}
HYPERPARAMETERS = {*INTEGERS, *NUMBERS, *CHOICES, *CONSTRAINTS, "eval_metric", "updater"}
UNUSED_HYPERPARAMETERS = (  # hyperparameters that the installed version of XGBoost does not use
    "predictor sketch_eps dsplit silent deterministic_histogram prob_buffer_row use_dask_gpu_training"
).split()


def validate(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """Convert hyperparameters to their types. Raises UserError for the first invalid one."""
    hyperparameters = {ALIASES.get(name, name): string for name, string in hyperparameters.items()}
    for name in hyperparameters:
        if name in ("_kfold", "_num_cv_round"):
            raise UserError(f"the hyperparameter {name} is not simulated: train once, with a channel named validation")
        if name == "silent" and not is_before(1, 2):
            raise UserError("the hyperparameter silent was removed in version 1.2 of the image; use verbosity instead")
        if name not in HYPERPARAMETERS:
            raise UserError(
                f"unknown hyperparameter {name}: valid hyperparameters are {', '.join(sorted(HYPERPARAMETERS))}"
            )
    if "num_round" not in hyperparameters:
        raise UserError("the hyperparameter num_round is required")
    values = {name: _parse_value(name, str(string)) for name, string in hyperparameters.items()}
    is_multiclass = str(values.get("objective", "")).startswith("multi:")
    if is_multiclass != ("num_class" in values):
        raise UserError(
            "the hyperparameter num_class is required for the objectives multi:... and not allowed for others"
        )
    for name, methods in CONSTRAINTS.items():
        if name in values and values.get("tree_method") not in methods:
            raise UserError(f"{name} can only be used with the tree_method {' or '.join(methods)}")
    _check_metrics(values)
    _check_updaters(values)
    return values


def _check_metrics(values: Mapping[str, Any]) -> None:
    objective, metrics = values.get("objective"), values.get("eval_metric", [])
    if metrics and not objective and not is_before(1, 2):
        raise UserError("eval_metric can only be used with an objective: SageMaker's algorithm fails without one")
    objective = objective or "reg:squarederror"
    if "auc" in metrics and not objective.startswith(("binary:", "rank:")):
        raise UserError(
            f"eval_metric auc can only be used with the objectives binary:... and rank:..., not {objective}"
        )
    if "aft-nloglik" in metrics and objective != "survival:aft":
        raise UserError(f"eval_metric aft-nloglik can only be used with the objective survival:aft, not {objective}")


def _check_updaters(values: Mapping[str, Any]) -> None:
    updaters = values["updater"].split(",") if "updater" in values else []
    known_updaters = (*TREE_UPDATERS, *LINEAR_UPDATERS)
    if unknown_updaters := [name for name in updaters if name not in known_updaters]:
        names = f"valid updaters are {', '.join(known_updaters)}; separate updaters with commas, without spaces"
        raise UserError(f"unknown updater '{unknown_updaters[0][:200]}': {names}")
    if values.get("booster") == "gblinear":
        if updaters and (len(updaters) > 1 or updaters[0] not in LINEAR_UPDATERS):
            raise UserError(f"the booster gblinear can have only one updater: {' or '.join(LINEAR_UPDATERS)}")
        return
    choices = UPDATING_UPDATERS if values.get("process_type") == "update" else TREE_UPDATERS
    if invalid_updaters := [name for name in updaters if name not in choices]:
        raise UserError(
            f"updater {invalid_updaters[0]} cannot be used with this booster and process_type: use {', '.join(choices)}"
        )
    if len([name for name in updaters if name in GROWING_UPDATERS]) > 1:
        raise UserError(f"at most one of the updaters {', '.join(GROWING_UPDATERS)} can be used")


def _parse_value(name: str, string: str) -> Any:
    if GPU_SETTINGS.get(name) == string:
        raise UserError(f"{name} {string} is not simulated: it needs a GPU")
    if name in CHOICES:
        if string not in CHOICES[name].split():
            raise UserError(f"{name} is '{string}': it must be one of {', '.join(CHOICES[name].split())}")
        return string
    if name == "eval_metric":
        return _split_metrics(string)
    if name == "updater":
        return string
    if name in CONSTRAINTS:
        return _parse_constraints(name, string)
    interval = INTEGERS.get(name) or NUMBERS[name]
    kind, noun = (int, "an integer") if name in INTEGERS else (float, "a number")
    try:
        value = kind(string)
    except ValueError:
        raise UserError(f"{name} is '{string[:200]}': it must be {noun} in {interval}") from None
    if not _is_inside(value, interval):
        raise UserError(f"{name} is {string}: it must be {noun} in {interval}")
    return value


def _is_inside(value: float, interval: str) -> bool:
    minimum, maximum = map(float, interval[1:-1].split(","))
    is_above_minimum = value >= minimum if interval[0] == "[" else value > minimum
    return is_above_minimum and (value <= maximum if interval[-1] == "]" else value < maximum)


def _split_metrics(string: str) -> list[str]:
    names = string.split(",")
    for name in names:
        if "@" in name and not THRESHOLD_METRIC.fullmatch(name):
            raise UserError(f"eval_metric {name}: only error, map and ndcg accept a threshold, which must be a number")
        if "@" not in name and name not in METRICS:
            form = "names must be separated by commas without spaces, such as rmse,mae"
            raise UserError(f"unknown eval_metric '{name[:200]}': {form}")
    return names


def _parse_constraints(name: str, string: str) -> str:
    try:
        value = ast.literal_eval(string)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        value = None
    if name == "monotone_constraints":
        form = "a tuple of -1, 0 and 1, such as (1,0)"
        is_valid = isinstance(value, tuple) and all(type(element) is int and abs(element) <= 1 for element in value)
    else:
        form = "a list of lists of features, such as [[1,2],[3,4]]; SageMaker rejects the index 0 of the first feature"
        is_valid = isinstance(value, list) and all(isinstance(group, list) for group in value)
        is_valid = is_valid and all(type(feature) is int and feature >= 1 for group in value for feature in group)
    if not is_valid:
        raise UserError(f"{name} is '{string[:200]}': it must be {form}")
    return str(value)
