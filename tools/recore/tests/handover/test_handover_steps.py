"""steps.py predicts like the model's server, and reports whether predictions agree."""

import gzip
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from handover.following import run_blocks
from recore_support.command import recore
from recore_support.schema import TARGETS
from recore_support.submission_runs import run_submission
from recore_support.tiny_submission import PREPROCESS, TRAIN, stub
from support.checkout import ROOT

from recore.handover.steps import TOLERANCE, largest_difference, read_cells

# one function instead of three
TRANSFORM = TRAIN.replace(
    'if __name__ == "__main__":',
    """
read, answer, write = input_fn, predict_fn, output_fn
del input_fn, predict_fn, output_fn


def transform_fn(model, data, content_type, accept):
    assert (content_type, accept) == ("text/csv", "text/csv")
    return write(answer(read(data, content_type), model), accept), accept


if __name__ == "__main__":""",
)
# a single-precision model, served by the image's default functions; the number of rows changes its order of summation
SINGLE_PRECISION = """
import os

import numpy as np


class Network:
    def __init__(self, weights):
        self.weights = weights

    def predict(self, inputs):
        assert inputs.dtype == np.float32
        step = -1 if len(inputs) > 10 else 1
        return np.cumsum(inputs[:, 1:, None][:, ::step] * self.weights[::step], axis=1)[:, -1]


def model_fn(folder):
    return Network(np.load(os.path.join(folder, "weights.npy")))


if __name__ == "__main__":
    weights = np.random.default_rng(0).normal(size=(300, 49)).astype(np.float32)
    np.save(os.environ["SM_MODEL_DIR"] + "/weights.npy", weights)
"""
HEADERLESS = PREPROCESS.replace('"index,first,others\\n"', '""')


def hand_over(files: dict[str, str | bytes], sample: Path, folder: Path) -> Path:
    """Run a submission, create its handover, and follow the README as printed. Return the handover's folder."""
    public = folder / "public.csv"
    public.write_bytes(gzip.decompress((sample / "public/public.csv.gz").read_bytes()))
    run = run_submission(stub(folder / "mine", files), folder / "run", "--public", public)
    assert run.status == 0, run.stderr
    result = recore("handover", run.folder)
    assert result.returncode == 0, result.stderr
    handover = run.folder / "handover"
    assert_contains_no_local_path(handover, folder)
    (handover / ".venv").symlink_to(sys.prefix)
    (handover / "data").mkdir()
    shutil.copy(public, handover / "data")
    assert run_blocks(handover, skipped={"environment", "predict"}) == ["check", "", "public", "public", "public"]
    return handover


def assert_contains_no_local_path(handover: Path, folder: Path) -> None:
    files = {path.name: path.read_bytes() for path in handover.rglob("*") if path.is_file()}
    for path in handover.glob("*.whl"):
        with zipfile.ZipFile(path) as wheel:
            files |= {f"wheel/{name}": wheel.read(name) for name in wheel.namelist()}
    with tarfile.open(handover / "model.tar.gz") as archive:
        for member in archive:
            assert (member.uname, member.gname, member.uid, member.gid) == ("", "", 0, 0)
            if file := archive.extractfile(member):
                files[f"model.tar.gz/{member.name}"] = file.read()
    files = {name: gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data for name, data in files.items()}
    assert {"README.md", "run.json", "spectra.csv.gz", "model.tar.gz/code/train.py"} <= files.keys()
    packed = {"recore/template_files/score.py", "recore-1.0+git.dist-info/METADATA"}
    packed |= {f"{name}-1.0+git.dist-info/licenses/LICENSE" for name in ("recore", "stagemaker")}
    assert {f"wheel/{name}" for name in packed} <= files.keys()
    assert [name for name, data in files.items() if str(folder).encode() in data or str(ROOT).encode() in data] == []
    command = "recore run submission --public data/public.csv"
    assert command in files["README.md"].decode().replace("python -m recore", "recore")


@pytest.mark.slow
def test_the_printed_commands_repeat_a_submission_with_transform_fn(sample: Path, tmp_path: Path) -> None:
    handover = hand_over({"train.py": TRANSFORM}, sample, tmp_path)
    assert (handover / "work/public.csv.out").read_text() == (handover / "predictions/public.csv.out").read_text()


@pytest.mark.slow
def test_the_printed_commands_repeat_a_single_precision_model_without_hooks(sample: Path, tmp_path: Path) -> None:
    handover = hand_over({"train.py": SINGLE_PRECISION, "preprocess.py": HEADERLESS}, sample, tmp_path)
    assert (handover / "work/public.csv.out").read_text() == (handover / "predictions/public.csv.out").read_text()
    pair = [read_cells(handover / name, TARGETS) for name in ("sample/predictions.csv", "work/answer.csv")]
    assert 1e-9 < largest_difference(*pair) < TOLERANCE


def test_predictions_are_compared_in_the_units_of_their_column() -> None:
    values = np.random.default_rng(2).lognormal(size=(50, 3)) * (1e-3, 1.0, 1e5)
    rounded = values.astype(np.float32).astype(float)
    assert largest_difference(values.tolist(), rounded.tolist()) < TOLERANCE
    for column in range(3):
        changed = values.copy()
        changed[7, column] += 1e-3 * values[:, column].mean()
        assert largest_difference(values.tolist(), changed.tolist()) > TOLERANCE
    assert largest_difference([[0.0, None]], [[0.0, None]]) == 0
    assert largest_difference([[1.0, None]], [[1.0, 2.0]]) == np.inf
    assert largest_difference([[0.0]], [[1e-12]]) == np.inf
    with pytest.raises(ValueError, match="numbers of rows or columns differ"):
        largest_difference([[1.0]], [[1.0], [2.0]])


def test_a_cell_that_is_not_a_finite_number_counts_as_empty(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    path.write_text("1.5,,nan,inf\n")
    assert read_cells(path, TARGETS) == [[1.5, None, None, None]]
    path.write_text("index,SiteID,AgPPM,AsPPM\n7,3,1.5,\n")
    assert read_cells(path, TARGETS) == [[1.5, None]]
