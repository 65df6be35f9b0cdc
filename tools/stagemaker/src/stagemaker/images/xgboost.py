"""XGBoost images: script mode, and SageMaker's built-in algorithm for jobs without a script."""

import re
from pathlib import Path

from stagemaker.images.family import CONTAINER, ImageFamily
from stagemaker.images.package_set import PackageSet

METRICS = """
rmse error logloss merror mlogloss auc mae accuracy aucpr balanced_accuracy f1 f1_binary f1_macro map ndcg precision
precision_macro precision_micro r2 recall recall_macro recall_micro aft-nloglik cox-nloglik gamma-deviance gamma-nloglik
interval-regression-accuracy mape mphe mse poisson-nloglik rmsle tweedie-nloglik
"""

FAMILY = ImageFamily(
    name="XGBoost",
    repositories=re.compile(r"(sagemaker-)?xgboost"),
    distribution="xgboost-cpu",
    module="xgboost",
    package_sets={
        "": PackageSet("xgboost", (CONTAINER / "packages.txt", Path(__file__).with_name("xgboost.txt")), ("3.12",))
    },
    tags=re.compile(r"1|latest|\d+\.\d+-\d+(-cpu-py\d+|-arm64)?"),
    examples="1.7-1 and 3.0-5",
    old_versions={"1": "0.72", "latest": "0.72"},
    version_variable="XGBOOST_IMAGE_VERSION",
    algorithm="xgboost",
    hooks=CONTAINER / "xgboost_hooks.py",
    # a script's output contains a tab, which CloudWatch shows as #011
    metrics={
        f"{data}:{metric}": rf"\[[0-9]+\].*?(?:#011|\t){data}-{re.escape(metric)}:([^\s#]+)"
        for data in ("validation", "train")
        for metric in METRICS.split()
    },
)
