"""linear-learner images: SageMaker's built-in algorithm Linear Learner, imitated with scikit-learn.

The metrics are taken from AWS's description of a job (a published DescribeHyperParameterTuningJob response of 2020) and
from the page "Tune a linear learner model" of SageMaker's Developer Guide.
"""

import re

from stagemaker.images import scikit_learn
from stagemaker.images.family import CONTAINER, ImageFamily

LOSSES = ("mse", "absolute_loss")
TRAINING_SCORES = {
    "binary_classification_accuracy": "binary_classification_accuracy",
    "binary_f_beta": r"binary_f_\S+",
    "precision": "precision",
    "recall": "recall",
}
# by metric: its name in a log, where a value can be part of it
SCORES = TRAINING_SCORES | {
    "roc_auc_score": "roc_auc_score",
    "multiclass_accuracy": "multiclass_accuracy",
    "multiclass_top_k_accuracy": r"multiclass_top_k_accuracy_\S+",
    "dcg": "dcg",
    "macro_recall": "macro_recall",
    "macro_precision": "macro_precision",
    "macro_f_beta": r"macro_f_\S+",
}
LINE = r"#quality_metric: host=\S+, "
METRICS = {
    "train:progress": r"#progress_metric: host=\S+, completed (\S+) %",
    "train:throughput": r"#throughput_metric: host=\S+, train throughput=(\S+) records/second",
    "test:objective_loss": rf"{LINE}test \S+_objective <loss>=(\S+)",
}
for data, scores in {"train": TRAINING_SCORES, "validation": SCORES, "test": SCORES}.items():
    METRICS |= {f"{data}:{name}": rf"{LINE}{data} {name} <loss>=(\S+)" for name in LOSSES}
    METRICS |= {f"{data}:{name}": rf"{LINE}{data} {pattern} <score>=(\S+)" for name, pattern in scores.items()}
for data in ("train", "validation"):
    METRICS[f"{data}:objective_loss"] = rf"{LINE}epoch=\S+, {data} \S+_objective <loss>=(\S+)"
    METRICS[f"{data}:objective_loss:final"] = rf"{LINE}{data} \S+_objective <loss>=(\S+)"

FAMILY = ImageFamily(
    name="linear-learner",
    repositories=re.compile("linear-learner"),
    distribution="scikit-learn",
    package_sets={"": scikit_learn.NEWEST_SET},
    tags=re.compile("1|latest"),
    examples="1",
    algorithm="linear_learner",
    hooks=CONTAINER / "linear_learner_hooks.py",
    metrics=METRICS,
    runs_scripts=False,
)
