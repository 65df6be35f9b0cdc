"""The program of training jobs that use a built-in algorithm: linear_learner or xgboost.

    python -P algorithm_training.py ALGORITHM

It trains on the channels `train`, `validation` and, with linear_learner, `test`, and writes the model below
SAGEMAKER_BASE_DIR (/opt/ml), or an error to output/failure. With xgboost, the hyperparameter `sagemaker_program`
specifies a script, which script_mode.py runs instead, and which can import sagemaker_xgboost_container.
"""

import json
import logging
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

LIBRARY, BASE = Path(__file__).parent, Path(os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml")
REASON_SIZE = 1024  # characters of output/failure that SageMaker shows


def train(algorithm: Callable[[Path], None], error_class: type[Exception]) -> int:
    """Train, and return the exit code. error_class: the exception that reports invalid data or settings."""
    for folder in ("model", "output"):
        (BASE / folder).mkdir(exist_ok=True)
    try:
        algorithm(BASE)
        return 0
    except error_class as error:
        reason = str(error)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        traceback.print_exc()
    print(f"Training failed: {reason}", file=sys.stderr)
    (BASE / "output/failure").write_text(reason[:REASON_SIZE], encoding="utf-8", errors="backslashreplace")
    return 1


def train_linear_learner() -> int:
    from linear_learner import errors
    from linear_learner import train as algorithm

    # as in the logs of AWS's built-in algorithms
    line, date = "[%(asctime)s %(levelname)s %(process)d] %(message)s", "%m/%d/%Y %H:%M:%S"
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format=line, datefmt=date)
    return train(algorithm.train, errors.CustomerError)


def train_xgboost(library: str) -> int:
    if "sagemaker_program" in json.loads((BASE / "input/config/hyperparameters.json").read_text()):
        os.environ["PYTHONPATH"] = ":".join(filter(None, [os.environ.get("PYTHONPATH"), library]))
        program = str(LIBRARY / "script_mode.py")
        os.execv(sys.executable, [sys.executable, "-P", program])  # noqa: S606 - replaces this process
    from sagemaker_xgboost_container import exceptions
    from sagemaker_xgboost_container.algorithm_mode import train as algorithm

    return train(algorithm.train, exceptions.UserError)


if __name__ == "__main__":
    sys.path.append(str(LIBRARY / f"{sys.argv[1]}_library"))
    sys.exit(train_xgboost(sys.path[-1]) if sys.argv[1] == "xgboost" else train_linear_learner())
