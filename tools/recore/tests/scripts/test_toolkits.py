import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sagemaker_inference.transformer import Transformer
from support.checkout import ROOT, UPLOADED_FILES, copy_scripts, run
from support.scripts import modules_of, run_here

TOLERANCE = 1e-9  # relative; the last bits of a matrix product depend on the number of rows


class Request:
    def __init__(self, content_type: str, accept: str, model_dir: Path):
        self.system_properties = {"model_dir": str(model_dir)}
        self.request_processor = [
            SimpleNamespace(get_request_properties=lambda: {"Content-Type": content_type, "Accept": accept})
        ]
        self.status = 200

    def set_response_status(self, code: int, phrase: str) -> None:
        self.status = code

    def set_response_content_type(self, index: int, content_type: str) -> None:
        self.content_type = content_type


def test_the_inference_toolkit_serves_the_model(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, inputs = project / "data/private/private.csv.gz", tmp_path / "private.csv"
    assert run_here(ROOT / "preprocess.py", "--input", data, "--output", inputs, cwd=tmp_path).returncode == 0
    monkeypatch.setenv("SAGEMAKER_PROGRAM", "train.py")
    with modules_of(ROOT):
        import preprocess
        import train

        expected = train.model_fn(project / "model").predict(preprocess.preprocess(data)[0])
        transformer = Transformer()
        for content_type in ("text/csv", "text/csv; charset=utf-8"):
            request = Request(content_type, "text/csv", project / "model")
            [response] = transformer.transform([{"body": inputs.read_bytes()}], request)
            assert (request.status, request.content_type) == (200, "text/csv")
            np.testing.assert_allclose(pd.read_csv(io.StringIO(response), header=None), expected, rtol=TOLERANCE)
        invalid_request = Request("application/json", "text/csv", project / "model")
        [response] = transformer.transform([{"body": b"[]"}], invalid_request)
    assert invalid_request.status == 500
    assert "send text/csv" in response


@pytest.mark.slow
@pytest.mark.skipif(" " in sys.executable, reason="the toolkit cannot start an interpreter whose path has a space")
def test_the_training_toolkit_runs_train_py_in_script_mode(project: Path, tmp_path: Path) -> None:
    code = copy_scripts(tmp_path / "code", *UPLOADED_FILES, "requirements.txt")
    base = tmp_path / "ml"
    for folder in ("input/config", "input/data", "model", "output/data", "code"):
        (base / folder).mkdir(parents=True)
    (base / "input/data/training").symlink_to(project / "data/public")
    settings = {"sagemaker_program": "train.py", "sagemaker_submit_directory": str(code), "folds": "3"}
    configuration = {
        "hyperparameters": {name: json.dumps(value) for name, value in settings.items()},
        "inputdataconfig": {"training": {"TrainingInputMode": "File"}},
        "resourceconfig": {"current_host": "localhost", "hosts": ["localhost"], "network_interface_name": "lo"},
    }
    for name, content in configuration.items():
        (base / f"input/config/{name}.json").write_text(json.dumps(content))
    container = """
from sagemaker_training import entry_point, environment
job = environment.Environment()
entry_point.run(job.module_dir, job.user_entry_point, job.to_cmd_args(), job.to_env_vars())
"""
    result = run("-c", container, cwd=tmp_path, SAGEMAKER_BASE_DIR=str(base))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "validation:r2=" in result.stdout
    with modules_of(ROOT):
        import train

        assert train.model_fn(base / "model").predict is not None
