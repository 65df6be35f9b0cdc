"""Predict a data file's rows with a submission's functions, without a server, for comparison with the containers.

    python own_predictions.py model.tar.gz private.csv.gz predictions.csv

model.tar.gz is the model container's archive, which contains the submission.
"""

import shutil
import sys
import tempfile
from pathlib import Path


def predict(archive: str, data_file: str) -> str:
    """Return the predictions as CSV with one line per row of the data file."""
    model_dir = tempfile.mkdtemp()
    shutil.unpack_archive(archive, model_dir)
    sys.path.insert(0, f"{model_dir}/code/submission")
    import preprocess
    import train

    inputs, _ = preprocess.preprocess(data_file)
    return train.output_fn(train.predict_fn(inputs, train.model_fn(model_dir)), "text/csv")


if __name__ == "__main__":
    archive, data_file, output = sys.argv[1:]
    Path(output).write_text(predict(archive, data_file))
