"""Train with the built-in algorithm: read channels and hyperparameters, and write the file xgboost-model."""

import json
import pickle
import signal
from functools import partial
from pathlib import Path
from typing import Any

import xgboost as xgb

from ..data_utils import data_files, get_content_type, looks_like_csv, read_dmatrix
from ..exceptions import UserError, message_of
from ..image_version import is_before
from . import hyperparameter_validation, metrics

CHANNELS = ("train", "validation")
# hyperparameters that are not XGBoost's own, or are set separately
ALGORITHM_SETTINGS = {"num_round", "csv_weights", "early_stopping_rounds", "save_model_on_termination"}
ALGORITHM_SETTINGS |= {"eval_metric", "_tuning_objective_metric", *hyperparameter_validation.UNUSED_HYPERPARAMETERS}
ADDED_METRICS = {*metrics.REGRESSION_METRICS, *metrics.CLASSIFICATION_METRICS}  # metrics that XGBoost does not have


class StopOnTermination(xgb.callback.TrainingCallback):
    """A callback that, upon SIGTERM, ends training after the current round, so that the model is saved."""

    def __init__(self) -> None:
        self._stopping = False
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, number: int, frame: Any) -> None:
        self._stopping = True

    def after_iteration(self, model: xgb.Booster, epoch: int, evals_log: Any) -> bool:
        return self._stopping


def train(base: Path) -> None:
    """Train on the channels below `base` (such as /opt/ml) and save the model. Raises UserError if this fails."""
    config = base / "input/config"
    values = hyperparameter_validation.validate(json.loads((config / "hyperparameters.json").read_text()))
    channels = json.loads((config / "inputdataconfig.json").read_text())
    if unknown_channels := sorted(channels.keys() - {*CHANNELS, "code"}):
        raise UserError(f"unknown channel {unknown_channels[0]}: valid channels are train and validation")
    if "train" not in channels:
        raise UserError("the train channel is required")
    for name in hyperparameter_validation.UNUSED_HYPERPARAMETERS:
        if name in values:
            print(f"{name} has no effect with XGBoost {xgb.__version__}.")
    data: dict[str, xgb.DMatrix] = {}
    for name in CHANNELS:
        if name in channels:
            csv_weights = 0 if name == "validation" and is_before(1, 2) else values.get("csv_weights", 0)
            data[name] = _read(base / "input/data" / name, channels[name].get("ContentType"), csv_weights)
    if values.get("objective", "").startswith("rank:") and not len(data["train"].get_uint_info("group_ptr")):
        print("The train channel has no groups (`qid:` in libsvm): all rows form one group.")
    booster = _boost(values, data)
    # Before version 1.3, the image pickled the Booster, and users' scripts unpickle it. After that, save_model would
    # guess the format of a file without a suffix, and print a warning.
    content = pickle.dumps(booster) if is_before(1, 3) else booster.save_raw("ubj")
    (base / "model/xgboost-model").write_bytes(content)


def _read(folder: Path, content_type: str | None, csv_weights: int) -> xgb.DMatrix:
    files = data_files(folder)
    if hidden_files := [path for path in folder.rglob(".*") if path.is_file()]:
        raise UserError(f"the {folder.name} channel has a hidden file, {hidden_files[0].name}, which SageMaker rejects")
    if not files:
        raise UserError(f"the {folder.name} channel has no data")
    kind = get_content_type(content_type)
    if content_type is None and looks_like_csv(files[0]):
        kind = "csv"
        print(f"The {folder.name} channel has no ContentType: its data is read as CSV. AWS would read it as libsvm.")
    matrix = read_dmatrix(files, kind, csv_weights)
    print(f"The {folder.name} channel has {matrix.num_row()} rows and {matrix.num_col()} features.")
    return matrix


def _boost(values: dict[str, Any], data: dict[str, xgb.DMatrix]) -> xgb.Booster:
    names: list[str] = values.get("eval_metric", [])
    if tuned_metric := values.get("_tuning_objective_metric", "").partition(":")[2]:
        names = names if tuned_metric in names else [*names, tuned_metric]
    added_names = [name for name in names if name in ADDED_METRICS]
    native_hyperparameters = {name: value for name, value in values.items() if name not in ALGORITHM_SETTINGS}
    if native_hyperparameters.get("objective") == "reg:linear":  # its older name
        native_hyperparameters["objective"] = "reg:squarederror"
    objective = native_hyperparameters.get("objective", "")
    native_names = [name for name in names if name not in ADDED_METRICS]
    if not native_names and (earlier_name := metrics.earlier_metric(objective)):
        native_names = [earlier_name]
    if native_names:
        native_hyperparameters["eval_metric"] = native_names
    callbacks: list[xgb.callback.TrainingCallback] = [xgb.callback.EvaluationMonitor(logger=_print_evaluation)]
    if values.get("save_model_on_termination") == "true":
        callbacks.append(StopOnTermination())
    if "early_stopping_rounds" in values:
        stopping_metric = tuned_metric or (names[-1] if names else None)
        callbacks += _make_early_stopping(values, stopping_metric if "validation" in data else None)
    try:
        return xgb.train(
            native_hyperparameters,
            data["train"],
            num_boost_round=values["num_round"],
            evals=[(matrix, name) for name, matrix in data.items()],
            custom_metric=partial(metrics.evaluate, added_names, objective) if added_names else None,
            callbacks=callbacks,
            verbose_eval=False,
        )
    except (xgb.core.XGBoostError, ValueError) as error:
        raise UserError(f"XGBoost cannot train with this data and these hyperparameters: {message_of(error)}") from None


def _make_early_stopping(values: dict[str, Any], metric: str | None) -> list[xgb.callback.TrainingCallback]:
    rounds = values["early_stopping_rounds"]
    if is_before(1, 3):  # these versions use the last metric of the last data set
        return [xgb.callback.EarlyStopping(rounds=rounds, save_best=values.get("booster") != "gblinear")]
    if metric is None:
        print("early_stopping_rounds has no effect: it needs an eval_metric and a validation channel, as on AWS.")
        return []
    maximize = metrics.is_maximized(metric)
    print(f"Early stopping {'maximises' if maximize else 'minimises'} {metric}, as on AWS.")
    return [
        xgb.callback.EarlyStopping(
            rounds=rounds, metric_name=metric, data_name="validation", maximize=maximize, save_best=True
        )
    ]


def _print_evaluation(line: str) -> None:
    print(line.rstrip("\n").replace("\t", "#011"), flush=True)
