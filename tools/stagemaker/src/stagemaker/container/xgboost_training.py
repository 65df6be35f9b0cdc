"""The program of a training job with an XGBoost image. It runs a script or the built-in algorithm.

    python -P xgboost_training.py

The hyperparameter `sagemaker_program` names a script, which script_mode.py runs and which can import
sagemaker_xgboost_container. Otherwise, the algorithm trains on the channels `train` and `validation`, and writes
model/xgboost-model below SAGEMAKER_BASE_DIR (/opt/ml), or why it failed to output/failure.
"""

import json
import os
import sys
import traceback
from pathlib import Path

HERE = Path(__file__).parent
LIBRARY = str(HERE / "xgboost_library")
REASON_SIZE = 1024  # characters of output/failure that SageMaker shows


def train(base: Path) -> int:
    """Train with the built-in algorithm and return the exit code."""
    from sagemaker_xgboost_container.algorithm_mode.train import train
    from sagemaker_xgboost_container.exceptions import UserError

    try:
        train(base)
        return 0
    except UserError as error:
        reason = str(error)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        traceback.print_exc()
    print(f"Training failed: {reason}", file=sys.stderr)
    (base / "output/failure").write_text(reason[:REASON_SIZE], encoding="utf-8", errors="backslashreplace")
    return 1


def main() -> int:
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml")
    sys.path.append(LIBRARY)
    hyperparameters = json.loads((base / "input/config/hyperparameters.json").read_text())
    if "sagemaker_program" in hyperparameters:
        os.environ["PYTHONPATH"] = ":".join(filter(None, [os.environ.get("PYTHONPATH"), LIBRARY]))
        program = str(HERE / "script_mode.py")
        os.execv(sys.executable, [sys.executable, "-P", program])  # noqa: S606 - replaces this process
    (base / "output").mkdir(exist_ok=True)
    (base / "model").mkdir(exist_ok=True)
    return train(base)


if __name__ == "__main__":
    sys.exit(main())
