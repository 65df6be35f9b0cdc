"""Script mode with the PyTorch and XGBoost images: estimators from training to an endpoint."""

from pathlib import Path
from typing import Any

import numpy
import pytest
from botocore.exceptions import ClientError
from sagemaker.deserializers import CSVDeserializer, JSONDeserializer
from sagemaker.estimator import Framework
from sagemaker.pytorch import PyTorch
from sagemaker.serializers import CSVSerializer, JSONSerializer
from sagemaker.xgboost import XGBoost
from stagemaker_support.sdk import INSTANCE, ROLE

ROWS = numpy.array([[1.0, 2.0], [3.0, 4.0]])
TORCH_SCRIPT = """
import argparse, os
import torch

def model_fn(model_dir):
    model = torch.nn.Linear(2, 1)
    model.load_state_dict(torch.load(os.path.join(model_dir, "weights.pth")))
    return model

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--slope", type=float)
    slope = parser.parse_args().slope
    weights = {"weight": torch.tensor([[slope, 1.0]]), "bias": torch.tensor([0.5])}
    torch.save(weights, os.path.join(os.environ["SM_MODEL_DIR"], "weights.pth"))
"""
XGBOOST_SCRIPT = """
import argparse, os
import numpy, xgboost

def model_fn(model_dir):
    booster = xgboost.Booster()
    booster.load_model(os.path.join(model_dir, "mine.json"))
    return booster

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--slope", type=float)
    settings = {"booster": "gblinear", "updater": "coord_descent", "lambda": 0, "alpha": 0, "eta": 1}
    rows = numpy.random.default_rng(0).normal(size=(200, 2))
    data = xgboost.DMatrix(rows, label=rows @ [parser.parse_args().slope, 1.0] + 0.5)
    booster = xgboost.train(settings, data, 100, evals=[(data, "train")], verbose_eval=50)
    booster.save_model(os.path.join(os.environ["SM_MODEL_DIR"], "mine.json"))
"""


def fit(estimator: Framework) -> Framework:
    """Return the estimator after its training job, or skip the test if jobs with its image cannot run."""
    try:
        estimator.fit(wait=False)
    except ClientError as error:
        message = error.response["Error"]["Message"]
        if "and this machine has none" not in message:
            raise
        pytest.skip(message)
    estimator.sagemaker_session.wait_for_job(estimator.latest_training_job.name, poll=1)
    return estimator


CSV, JSON = (CSVSerializer(), CSVDeserializer()), (JSONSerializer(), JSONDeserializer())
FRAMEWORKS = [
    pytest.param(PyTorch, {"framework_version": "2.6.0", "py_version": "py312"}, TORCH_SCRIPT, JSON, id="PyTorch"),
    pytest.param(XGBoost, {"framework_version": "1.7-1"}, XGBOOST_SCRIPT, CSV, id="XGBoost"),
]


@pytest.mark.parametrize(("estimator_class", "version", "text", "formats"), FRAMEWORKS)
def test_a_model_is_trained_and_deployed(
    estimator_class: type[Framework], version: dict[str, str], text: str, formats: tuple[Any, Any], tmp_path: Path
) -> None:
    """For PyTorch, the SDK puts the script beside the model before it deploys it."""
    (tmp_path / "job.py").write_text(text)
    members = {"entry_point": str(tmp_path / "job.py"), "role": ROLE, "hyperparameters": {"slope": 2.0}}
    estimator = fit(estimator_class(instance_count=1, instance_type=INSTANCE, **version, **members))
    serializer, deserializer = formats
    predictor = estimator.deploy(1, INSTANCE, wait=False, serializer=serializer, deserializer=deserializer)
    estimator.sagemaker_session.wait_for_endpoint(predictor.endpoint_name, poll=1)
    predictions = numpy.array(predictor.predict(ROWS), dtype=float).ravel()
    assert predictions == pytest.approx([4.5, 10.5], abs=1e-3)
    predictor.delete_endpoint()
