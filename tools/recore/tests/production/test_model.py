"""The model container's program: its training job, and its hooks on the default model and on other submissions."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from recore_support.production import ProductionCommands
from recore_support.production_containers import TrainedModel, load_program, read_csv
from recore_support.schema import IDS, TARGETS
from recore_support.tiny_submission import write
from recore_support.tunable_submission import make_tunable
from stagemaker_support.job_traces import wait_until
from support.checkout import ROOT, environment
from support.scripts import modules_of

from recore.evaluation.submission import read_submission
from recore.production import sources
from recore.production.containers import features
from recore.production.containers.row_notes import NOTE_PREFIX, RowProblem, write_note

program = load_program("model")


@pytest.fixture
def request_body(trained_model: TrainedModel) -> str:
    import preprocess

    lines = trained_model.lines
    header = next(csv.reader(lines[:1]))
    container = features.Features(features.Columns(header, IDS, TARGETS), preprocess.preprocess)
    inputs = container.compute(features.read_csv("".join(lines)))
    return features.write_inputs(inputs)


@pytest.fixture
def model(trained_model: TrainedModel) -> Iterator[Any]:
    with modules_of(trained_model.model / "code/submission"):
        yield program.model_fn(str(trained_model.model))


# ---- Responses -------------------------------------------------------------------------------------------
def test_csv_is_the_output_of_the_submissions_hooks(model: Any, trained_model: TrainedModel, request_body: str) -> None:
    response, kind = program.transform_fn(model, request_body, "text/csv; charset=utf-8", "text/csv")
    assert kind == "text/csv"
    import train

    inputs = train.input_fn(request_body, "text/csv")
    assert response == train.output_fn(train.predict_fn(inputs, train.model_fn(str(trained_model.model))), "text/csv")
    np.testing.assert_allclose(read_csv(response), trained_model.predictions, rtol=1e-9)
    assert program.transform_fn(model, request_body.encode(), "text/csv", "*/*; q=0.1") == (response, "text/csv")


def test_other_content_types_are_rejected(model: Any) -> None:
    with pytest.raises(ValueError, match="unsupported content type 'application/json': send text/csv"):
        program.transform_fn(model, "{}", "application/json", "text/csv")


# ---- Other submissions -----------------------------------------------------------------------------------
CELLS = [*map(str, range(1, 20)), "", *map(str, range(21, 50))]  # TePPB is empty
HOOKS = f"""
CELLS = {",".join(CELLS)!r} + "\\n"
def model_fn(model_dir): return "model"
def input_fn(body, content_type):
    assert isinstance(body, str) and content_type == "text/csv"
    return [line for line in body.splitlines() if not line.startswith("index")]
"""
HOOK_OUTPUTS = {
    "string": "def predict_fn(rows, model): return rows\ndef output_fn(rows, accept): return CELLS * len(rows)",
    "pair": "def predict_fn(rows, model): return rows\ndef output_fn(rows, accept): return CELLS * len(rows), accept",
    "bytes": "def predict_fn(rows, model): return rows\n"
    "def output_fn(rows, accept): return (CELLS * len(rows)).encode()",
    "response": "import flask\ndef predict_fn(rows, model): return rows\n"
    "def output_fn(rows, accept): return flask.Response(CELLS * len(rows), mimetype=accept)",
    "transform_fn": "def transform_fn(model, body, content_type, accept):\n"
    "    return CELLS * len(input_fn(body, content_type)), accept",
}
BODY = "index,bin\n007,0.5\nb,0.25\n"


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Return a function that loads a submission's model from the source of train.py and, by name, other modules."""

    def load_files(script: str, calibration: dict[str, Any] | None = None, **files: str) -> Any:
        write(tmp_path / "code/submission", {"train.py": script} | {f"{name}.py": code for name, code in files.items()})
        if calibration:
            (tmp_path / "expected_error.json").write_text(json.dumps(calibration))
        return program.model_fn(str(tmp_path))

    write(tmp_path / "code/submission", {"train.py": ""})
    (tmp_path / "code" / sources.CHALLENGE).write_bytes(sources.challenge_file()[sources.CHALLENGE])
    with modules_of(tmp_path / "code/submission"):
        yield load_files


@pytest.mark.parametrize("kind", HOOK_OUTPUTS)
def test_hooks_may_respond_in_any_form(kind: str, load: Callable[..., Any]) -> None:
    model = load(HOOKS + HOOK_OUTPUTS[kind])
    response, kind = program.transform_fn(model, BODY, "text/csv", "text/csv")
    assert (response, kind) == ((",".join(CELLS) + "\n") * 2, "text/csv")


def test_hooks_may_be_missing(load: Callable[..., Any]) -> None:
    class_source = """
class Model:
    def predict(self, rows): return [[0.1] * 48 + [float("nan")] for row in rows]
"""
    model = load(HOOKS.replace('return "model"', "return Model()") + class_source)
    response, _ = program.transform_fn(model, BODY, "text/csv", "text/csv")
    assert [line.split(",")[:2] for line in response.splitlines()] == [["0.1", "0.1"]] * 2
    response, _ = program.transform_fn(model, BODY, "text/csv", "application/json")
    assert json.loads(response)["predictions"][0]["assays"]["YPPM"]["value"] is None


def test_the_domain_of_each_row_is_not_an_input(load: Callable[..., Any]) -> None:
    lines = BODY.splitlines()
    hook = "def predict_fn(rows, model):\n    assert rows == {rows}\n    return rows\n"
    model = load(HOOKS + hook.format(rows=lines[1:]) + HOOK_OUTPUTS["string"].splitlines()[1])
    bands = [{"from": 900, "to": 890, "deviation": -1.5}]
    expected = {"inside": False, "distance": 2, "t2": 0.5, "q": 2, "bands": bands}
    cells = (NOTE_PREFIX, write_note(expected), write_note(None))
    body = "".join(f"{line},{cell}\n" for line, cell in zip(lines, cells, strict=True))
    response, _ = program.transform_fn(model, body, "text/csv", "text/csv")
    assert response == (",".join(CELLS) + "\n") * 2
    response, _ = program.transform_fn(model, body, "text/csv", "application/json")
    assert [prediction["domain"] for prediction in json.loads(response)["predictions"]] == [expected, None]


def test_a_row_that_cannot_be_predicted_does_not_affect_the_others(load: Callable[..., Any]) -> None:
    hook = (
        "def predict_fn(rows, model):\n    if any('nan' in row for row in rows): raise ValueError('there is a nan')\n"
    )
    model = load(HOOKS + hook + "    return rows\n" + HOOK_OUTPUTS["string"].splitlines()[1])
    notes = (NOTE_PREFIX, write_note({"inside": True}), write_note(RowProblem("no, inputs")), write_note(None))
    lines = ("index,bin", "a,1", "b,", "c,nan")
    body = "".join(f"{line},{note}\n" for line, note in zip(lines, notes, strict=True))
    response, kind = program.transform_fn(model, body, "text/csv", "text/csv; details=yes")
    rows = list(csv.reader(response.splitlines()))
    assert kind == "text/csv"
    assert [(row[0], row[-1]) for row in rows] == [("inside", ""), ("", "no, inputs"), ("", "there is a nan")]
    assert [cell and float(cell) for cell in rows[0][1:50]] == [cell and float(cell) for cell in CELLS]
    assert all(set(row[1:-1]) == {""} and len(row) == 149 for row in rows[1:])
    with pytest.raises(ValueError, match="no, inputs"):
        program.transform_fn(model, body, "text/csv", "text/csv")


@pytest.mark.parametrize("cell", ["inf", "", "nan"])
def test_a_prediction_that_is_not_finite_is_a_problem_of_its_row(cell: str, load: Callable[..., Any]) -> None:
    script = f"def predict_fn(rows, model): return rows\ndef output_fn(rows, accept): return {f'{cell},' * 48 + cell!r}"
    response, _ = program.transform_fn(load(HOOKS + script), "index,bin\na,1\n", "text/csv", "text/csv; details=yes")
    assert response == "," * 148 + "train.py predicted infinity or no numbers\n"


def test_without_held_out_predictions_there_are_no_expected_errors(load: Callable[..., Any]) -> None:
    model = load(HOOKS + HOOK_OUTPUTS["string"])
    response, kind = program.transform_fn(model, BODY, "text/csv", "application/json; charset=utf-8")
    assert kind == "application/json"
    predictions = json.loads(response)["predictions"]
    assert [prediction["index"] for prediction in predictions] == ["007", "b"]
    no_errors = {"expected_error": None, "interval": None}
    assert predictions[1]["assays"]["CuPPM"] == {"value": 8.0, "unit": "ppm", "flags": []} | no_errors
    no_value = {"value": None, "unit": "ppb", "flags": ["never measured in training"]} | no_errors
    assert predictions[1]["assays"]["TePPB"] == no_value


def test_predictions_beyond_the_training_assays_are_flagged(load: Callable[..., Any]) -> None:
    targets = {name: {"range": [20, 40], "curves": None} for name in TARGETS}
    model = load(HOOKS + HOOK_OUTPUTS["string"], {"targets": targets | {"YPPM": {"range": None, "curves": None}}})
    response, _ = program.transform_fn(model, BODY, "text/csv", "application/json")
    assays = json.loads(response)["predictions"][0]["assays"]
    assert assays["CuPPM"]["flags"] == ["below the training range"]
    assert assays["ThPPB"]["flags"] == []
    assert assays["NaPPM"]["value"] == 41
    assert assays["NaPPM"]["flags"] == ["above the training range"]
    assert assays["YPPM"]["flags"] == []


def test_a_request_without_rows_is_not_passed_on(load: Callable[..., Any]) -> None:
    model = load(HOOKS + "def predict_fn(rows, model): raise LookupError")
    for accept, response in {"text/csv": "", "application/json": '{"predictions": []}'}.items():
        assert program.transform_fn(model, "index\n", "text/csv", accept)[0] == response


@pytest.mark.parametrize(
    ("response", "message"),
    [
        ("1,2\n", "train.py returned 2 values in line 1 instead of 49"),
        (",".join(["x"] * 49) + "\n", "a value that is not a number: could not convert string to float: 'x'"),
        ((",".join(CELLS) + "\n") * 4, "train.py returned 4 rows for a request with 3 lines"),
        ("", "train.py returned 0 rows for a request with 3 lines"),
    ],
)
def test_a_response_without_predictions_is_rejected(response: str, message: str, load: Callable[..., Any]) -> None:
    model = load(HOOKS + f"def transform_fn(model, *request): return {response!r}")
    with pytest.raises(ValueError, match=message):
        program.transform_fn(model, BODY, "text/csv", "application/json")


def test_a_submission_may_have_modules_of_the_same_names(load: Callable[..., Any]) -> None:
    sys.modules["model"] = sys.modules["expected_error"] = ModuleType("of the container")
    try:
        script = (
            "import expected_error\n"
            "def model_fn(model_dir):\n    import model\n    return model.respond\n"
            "def transform_fn(respond, *request): return respond(expected_error.VALUE)\n"
        )
        model = load(script, model="def respond(value): return value", expected_error="VALUE = 'its own'")
        assert program.transform_fn(model, BODY, "text/csv", "text/csv")[0] == "its own"
    finally:
        for name in ("model", "expected_error"):
            sys.modules.pop(name, None)


# ---- The training job ------------------------------------------------------------------------------------
def test_the_model_contains_the_submission_and_the_programs(trained_model: TrainedModel) -> None:
    files = {
        path.relative_to(trained_model.model).as_posix() for path in trained_model.model.rglob("*") if path.is_file()
    }
    submission = read_submission(ROOT).files
    assert files == {
        *(f"code/submission/{name}" for name in submission),
        *(f"code/{name}" for name in (*sources.MODEL, sources.CHALLENGE, "requirements.txt")),
        *("model.pkl", "held_out.csv", "expected_error.json"),
    }
    for name, content in submission.items():
        assert (trained_model.model / "code/submission" / name).read_bytes() == content


def run_program(folder: Path, source: dict[str, str], *arguments: str) -> tuple[subprocess.Popen[str], Path]:
    """Start the program on a submission as the training toolkit does. Return the process and the model's folder."""
    code, model = write(folder / "code", source), folder / "model"
    for name, content in sources.model_programs(None).items():
        (code / name).write_bytes(content)
    for path in (model, folder / "data"):
        path.mkdir()
    variables = {"SM_MODEL_DIR": str(model), "SM_CHANNEL_TRAINING": str(folder / "data"), "PYTHONPATH": str(code)}
    process = subprocess.Popen(
        [sys.executable, "model.py", *arguments],
        cwd=code,
        env=environment() | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return process, model


REPORT = """
import json, os, pathlib, sys
import helper
path = sys.path[0], os.environ["PYTHONPATH"], os.getcwd()
print(json.dumps({"arguments": sys.argv, "path": path, "model": os.environ["SM_MODEL_DIR"]}))
pathlib.Path("written_by_train").touch()
"""


def test_train_py_runs_as_if_it_were_the_entry_point(tmp_path: Path) -> None:
    source = {"submission/train.py": REPORT, "submission/data/helper.txt": "x", "submission/helper.py": ""}
    process, model = run_program(tmp_path, source | {"requirements.txt": "# none\n"}, "--alphas", "11")
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    report, note = stdout.splitlines()
    submission = str(tmp_path / "code/submission")
    assert json.loads(report) == {
        "arguments": ["train.py", "--alphas", "11"],
        "path": [submission] * 3,
        "model": str(model),
    }
    assert note == "model: responses will contain no expected errors: train.py wrote no held_out.csv"
    files = {path.relative_to(model).as_posix() for path in model.rglob("*") if path.is_file()}
    assert files == {
        *(f"code/submission/{name}" for name in ("train.py", "helper.py", "data/helper.txt")),
        *(f"code/{name}" for name in (*sources.MODEL, sources.CHALLENGE, "requirements.txt")),
    }


def test_invalid_held_out_predictions_are_reported_in_one_line(tmp_path: Path) -> None:
    script = 'import os\nopen(os.environ["SM_MODEL_DIR"] + "/held_out.csv", "w").write("index,AgPPM\\n")'
    process, model = run_program(tmp_path, {"submission/train.py": script})
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, "")
    assert stdout.startswith("model: responses will contain no expected errors: held_out.csv: ")
    assert len(stdout.splitlines()) == 1
    assert not (model / "expected_error.json").exists()


@pytest.mark.parametrize(
    ("script", "status", "error"),
    [
        ("raise ValueError('no columns')", 1, "ValueError: no columns"),
        ("import sys\nprint('too few', file=sys.stderr)\nsys.exit(7)", 7, "too few"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
    ],
)
def test_a_failure_of_train_py_is_passed_on(script: str, status: int, error: str, tmp_path: Path) -> None:
    process, model = run_program(tmp_path, {"submission/train.py": script})
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == status
    assert (stderr.splitlines() or [""])[-1] == error
    assert not list(model.iterdir())


def test_signals_are_passed_on(tmp_path: Path) -> None:
    script = "import os, pathlib, time\npathlib.Path('pid').write_text(str(os.getpid()))\ntime.sleep(600)"
    process, _ = run_program(tmp_path, {"submission/train.py": script})
    file = tmp_path / "code/submission/pid"
    wait_until(lambda: file.exists() and file.read_text() != "")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)


def test_the_last_error_of_train_py_is_the_jobs_failure_reason(
    commands: ProductionCommands, small_sample: Path, tmp_path: Path
) -> None:
    submission = make_tunable(tmp_path / "submission", {"train.py": "raise ValueError('no columns')"})
    line = commands.expect_error("train", submission, "--public", small_sample / "public/public.csv.gz", status=1)
    assert line.startswith("recore: Train failed: ")
    assert "ValueError: no columns" in line
