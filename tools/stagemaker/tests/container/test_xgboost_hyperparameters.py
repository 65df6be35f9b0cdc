"""The hyperparameters of the built-in XGBoost algorithm."""

import re

import pytest
from stagemaker_support.xgboost_data import hyperparameters

from stagemaker.container.xgboost_library.sagemaker_xgboost_container.algorithm_mode.hyperparameter_validation import (
    ALIASES,
    validate,
)
from stagemaker.container.xgboost_library.sagemaker_xgboost_container.exceptions import UserError


@pytest.mark.parametrize("name", [*ALIASES])
def test_hyperparameters_have_alternative_names(name: str) -> None:
    assert validate({"num_round": "1", name: "0.5"}) == {"num_round": 1, ALIASES[name]: 0.5}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("num_round", "0", "num_round is 0: it must be an integer in [1, inf)"),
        ("max_depth", "3.5", "max_depth is '3.5': it must be an integer"),
        ("max_depth", "9" * 5000, "max_depth is '999"),
        ("eta", "1.5", "eta is 1.5: it must be a number in [0, 1]"),
        ("eta", "nan", "eta is nan: it must be a number in [0, 1]"),
        ("subsample", "0", "subsample is 0: it must be a number in (0, 1]"),
        ("gamma", "-1", "gamma is -1"),
        ("objective", "reg:sharp", "objective is 'reg:sharp': it must be one of binary:logistic"),
        ("tree_method", "gpu_hist", "tree_method gpu_hist is not simulated: it needs a GPU"),
        ("eval_metric", "rmse,rms", "unknown eval_metric 'rms': names must be separated by commas without spaces"),
        ("eval_metric", "rmse, mae", "unknown eval_metric ' mae': names must be separated by commas without spaces"),
        ("eval_metric", "['rmse']", "unknown eval_metric '['rmse']': names must be separated by commas without spaces"),
        ("eval_metric", "", "unknown eval_metric ''"),
        ("eval_metric", "auc@0.5", "eval_metric auc@0.5: only error, map and ndcg accept a threshold"),
        ("eval_metric", "ndcg@10-", "eval_metric ndcg@10-: only error, map and ndcg accept a threshold, which must"),
        ("_tuning_objective_metric", "validation:rms", "_tuning_objective_metric is 'validation:rms': it must be one"),
        ("_tuning_objective_metric", "train:rmse", "_tuning_objective_metric is 'train:rmse': it must be one of"),
        ("monotone_constraints", "(2, 0)", "monotone_constraints is '(2, 0)': it must be a tuple of -1, 0 and 1"),
        ("monotone_constraints", "[1, 0]", "monotone_constraints is '[1, 0]': it must be a tuple of -1, 0 and 1"),
        ("monotone_constraints", "(True, 1.0)", "monotone_constraints is '(True, 1.0)': it must be a tuple of -1, 0"),
        ("monotone_constraints", "(1)", "monotone_constraints is '(1)': it must be a tuple of -1, 0 and 1"),
        ("monotone_constraints", "up", "monotone_constraints is 'up': it must be a tuple of -1, 0 and 1"),
        ("monotone_constraints", "(" * 9999, "monotone_constraints is '(((("),
        ("interaction_constraints", "[[0, 1]]", "interaction_constraints is '[[0, 1]]': it must be a list of lists"),
        ("interaction_constraints", "[1, 2]", "interaction_constraints is '[1, 2]': it must be a list of lists"),
        ("interaction_constraints", "[['a']]", "interaction_constraints is '[['a']]': it must be a list of lists"),
        ("updater", "grow_local_histmaker", "unknown updater 'grow_local_histmaker': valid updaters are grow_colm"),
        ("updater", "grow_gpu", "unknown updater 'grow_gpu': valid updaters are grow_colmaker, "),
        ("updater", "refresh, prune", "unknown updater ' prune': valid updaters are "),
        ("updater", "shotgun", "updater shotgun cannot be used with this booster and process_type: "),
        ("updater", "grow_colmaker,grow_histmaker", "at most one of the updaters grow_colmaker, "),
        ("silent", "1", "the hyperparameter silent was removed in version 1.2 of the image; use verbosity instead"),
        ("booster", " gbtree", "booster is ' gbtree': it must be one of gbtree, gblinear, dart"),
        ("num_class", "3", "num_class is required for the objectives multi:... and not allowed for others"),
        ("max_dept", "3", "unknown hyperparameter max_dept"),
        ("use_dask_gpu_training", "true", "use_dask_gpu_training true is not simulated: it needs a GPU"),
        ("monotone_constraints", "(1, 0)", "monotone_constraints can only be used with the tree_method exact or hist"),
        ("interaction_constraints", "[[1, 2]]", "interaction_constraints can only be used with the tree_method exact"),
        ("eval_metric", "rmse", "eval_metric can only be used with an objective: SageMaker's algorithm fails with"),
    ],
)
def test_an_invalid_hyperparameter_is_named_in_the_error(name: str, value: str, reason: str) -> None:
    with pytest.raises(UserError, match=re.escape(reason)):
        validate({"num_round": "10"} | {name: value})


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (
            {"eval_metric": "auc", "objective": "reg:squarederror"},
            "eval_metric auc can only be used with the objective",
        ),
        ({"eval_metric": "aft-nloglik", "objective": "count:poisson"}, "eval_metric aft-nloglik can only be used with"),
        ({"booster": "gblinear", "updater": "prune"}, "the booster gblinear can have only one updater: shotgun or c"),
        ({"booster": "gblinear", "updater": "shotgun,coord_descent"}, "the booster gblinear can have only one updater"),
        ({"process_type": "update", "updater": "grow_colmaker"}, "updater grow_colmaker cannot be used with this bo"),
    ],
)
def test_incompatible_hyperparameters_are_rejected(settings: dict[str, str], reason: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(reason)}"):
        validate({"num_round": "10"} | settings)


@pytest.mark.parametrize(
    ("settings", "name", "value"),
    [
        ({"eval_metric": "error@1e-3,error@-0.5,mae"}, "eval_metric", ["error@1e-3", "error@-0.5", "mae"]),
        ({"eval_metric": "ndcg@.5"}, "eval_metric", ["ndcg@.5"]),
        ({"monotone_constraints": "(+1,0,-1)", "tree_method": "hist"}, "monotone_constraints", "(1, 0, -1)"),
        ({"interaction_constraints": "[[1,2],[3]]", "tree_method": "hist"}, "interaction_constraints", "[[1, 2], [3]]"),
        ({"updater": "grow_colmaker,prune"}, "updater", "grow_colmaker,prune"),
        ({"updater": "refresh,prune", "process_type": "update"}, "updater", "refresh,prune"),
        ({"updater": "shotgun", "booster": "gblinear"}, "updater", "shotgun"),
        ({"_tuning_objective_metric": "validation:f1"}, "_tuning_objective_metric", "validation:f1"),
        ({"num_parallel_tree": " 3 "}, "num_parallel_tree", 3),
    ],
)
def test_valid_hyperparameters_are_accepted(settings: dict[str, str], name: str, value: object) -> None:
    assert validate(hyperparameters(num_round=7) | settings)[name] == value


def test_earlier_images_accept_hyperparameters_that_were_removed_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XGBOOST_IMAGE_VERSION", "1.0-1-cpu-py3")
    for name, value in (("silent", "1"), ("eval_metric", "rmse")):
        assert validate({"num_round": "10", name: value}).keys() == {"num_round", name}


def test_hyperparameters_are_converted_to_their_types() -> None:
    values = validate(hyperparameters(num_round=7))
    assert (values["num_round"], values["eta"], values["objective"]) == (7, 0.2, "reg:squarederror")
