"""The program of a training job with a linear-learner image.

    python -P linear_learner_training.py

It trains on the channels `train`, `validation` and `test`, and writes the model below SAGEMAKER_BASE_DIR (/opt/ml), or
why it failed to output/failure.
"""

import logging
import os
import sys
import traceback
from pathlib import Path

REASON_SIZE = 1024  # characters of output/failure that SageMaker shows
sys.path.append(str(Path(__file__).parent / "linear_learner_library"))


def main() -> int:
    from linear_learner.errors import CustomerError
    from linear_learner.train import train

    # as in the logs of AWS's built-in algorithms
    line, date = "[%(asctime)s %(levelname)s %(process)d] %(message)s", "%m/%d/%Y %H:%M:%S"
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format=line, datefmt=date)
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml")
    for folder in ("model", "output"):
        (base / folder).mkdir(exist_ok=True)
    try:
        train(base)
        return 0
    except CustomerError as error:
        reason = str(error)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        traceback.print_exc()
    print(f"Training failed: {reason}", file=sys.stderr)
    (base / "output/failure").write_text(reason[:REASON_SIZE], encoding="utf-8", errors="backslashreplace")
    return 1


if __name__ == "__main__":
    sys.exit(main())
