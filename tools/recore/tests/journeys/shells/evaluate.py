"""Step 3, in an XGBoost container: compute the model's test error for the condition step and the model registry."""

import json
import tarfile
from pathlib import Path

import numpy as np
import xgboost

FOLDER = Path("/opt/ml/processing")

if __name__ == "__main__":
    with tarfile.open(FOLDER / "model/model.tar.gz") as archive:
        archive.extractall(filter="data")
    model = xgboost.Booster(model_file="xgboost-model")
    test = np.loadtxt(FOLDER / "test/test.csv", delimiter=",")
    errors = test[:, 0] - model.predict(xgboost.DMatrix(test[:, 1:]))
    report = {"regression_metrics": {"mse": {"value": float(np.mean(errors**2))}, "rows": {"value": len(test)}}}
    (FOLDER / "evaluation").mkdir(parents=True, exist_ok=True)
    (FOLDER / "evaluation/evaluation.json").write_text(json.dumps(report))
