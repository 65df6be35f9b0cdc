"""The commands of a handover, run as printed, reproduce its run's predictions."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from handover.following import BLOCK, run_blocks
from recore_support.schema import TARGETS
from support.checkout import environment

from stagemaker import sandbox_works


@pytest.fixture
def readers_copy(template_run: Path, many_holes: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "a reader's copy"
    shutil.copytree(template_run / "handover", folder)
    (folder / "data").mkdir()
    for name in ("public/public.csv.gz", "private/private.csv.gz", "private/actual.csv.gz"):
        shutil.copy(many_holes / name, folder / "data")
    return folder


def check_results(folder: Path, run: Path) -> None:
    """Check that the files that the commands wrote match the original run, not its copy in the handover."""
    for name, split in (("public", "public"), ("private", "private"), ("again", "public")):
        expected = pd.read_csv(run / f"predictions/{split}.csv.out", header=None).to_numpy()
        results = pd.read_csv(folder / f"work/{name}.csv.out", header=None).to_numpy()
        np.testing.assert_allclose(results, expected, rtol=1e-9, atol=1e-9)
    for split in ("public", "private"):
        expected_score = float((run / f"scores/{split}.txt").read_text())
        assert float((folder / f"work/{split}.txt").read_text()) == pytest.approx(expected_score, abs=1e-9)
    held_out = [
        pd.read_csv(path, index_col=0)
        for path in (folder / "work/trained/held_out.csv", run / "predictions/held-out.csv")
    ]
    np.testing.assert_allclose(*held_out, rtol=1e-9, atol=1e-9)


def test_the_printed_commands_reproduce_the_runs_predictions(readers_copy: Path, template_run: Path) -> None:
    (readers_copy / ".venv").symlink_to(sys.prefix)
    skipped = {"environment"} if sandbox_works() else {"environment", "predict"}
    ran = run_blocks(readers_copy, skipped)
    assert ran == ["check", *({"predict"} - skipped), "", "public", "private", "public", "actual", "public"]
    check_results(readers_copy, template_run)


@pytest.mark.slow
def test_the_printed_commands_work_in_a_new_environment(readers_copy: Path, template_run: Path) -> None:
    assert "environment" in run_blocks(readers_copy, skipped=set() if sandbox_works() else {"predict"})
    check_results(readers_copy, template_run)


def test_a_changed_file_and_a_changed_prediction_are_detected(readers_copy: Path) -> None:
    (check,) = (script for tag, script, _ in BLOCK.findall((readers_copy / "README.md").read_text()) if tag == "check")
    sums, find_command = check.splitlines()
    (readers_copy / "submission/more.py").touch()
    result = subprocess.run(["bash", "-c", find_command], cwd=readers_copy, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (1, "submission/more.py\n")
    path = readers_copy / "sample/predictions.csv"
    path.write_text("1" + path.read_text())
    result = subprocess.run(["bash", "-c", sums], cwd=readers_copy, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (1, "sample/predictions.csv: FAILED\n")
    command = [sys.executable, "steps.py", "compare", "sample/predictions.csv", "answer.csv"]
    result = subprocess.run(command, cwd=readers_copy, env=environment(), capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("compare: the predictions differ by up to ")


def run_step(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "steps.py", *args]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=300)


def test_steps_write_target_names_and_sample_ids(readers_copy: Path) -> None:
    shutil.unpack_archive(readers_copy / "model.tar.gz", readers_copy / "work/model", filter="data")
    rows = pd.read_csv(readers_copy / "request.csv", dtype=str)
    predict = ("predict", "--model", "work/model", "--request", "request.csv", "--output")
    for output in ("work/assays.csv", "work/assays.csv.out"):
        result = run_step(readers_copy, *predict, output)
        assert (result.returncode, result.stderr) == (0, "")
    table = pd.read_csv(readers_copy / "work/assays.csv", dtype=str)
    assert list(table) == ["index", *TARGETS]
    assert table["index"].tolist() == rows.iloc[:, 0].tolist()
    values = table[list(TARGETS)].to_csv(header=False, index=False)
    assert (readers_copy / "work/assays.csv.out").read_text() == values
    result = run_step(readers_copy, "compare", "work/assays.csv", "answer.csv")
    assert (result.returncode, result.stdout) == (0, "compare: 10 rows agree within 1e-05\n")


def test_steps_report_an_error_in_one_line(readers_copy: Path) -> None:
    (readers_copy / "model").mkdir()
    predict = ("predict", "--output", "x.csv", "--model")
    for args, reason in (
        ((*predict, "gone", "--request", "request.csv"), "gone: there is no such folder; unpack model.tar.gz"),
        ((*predict, "model", "--request", "gone.csv"), "gone.csv: No such file or directory"),
        ((*predict, "model", "--request", "request.csv"), "train.py failed: FileNotFoundError: "),
        (("preprocess", "--data", "README.md", "--output", "x.csv"), "preprocess.py failed: "),
        (("train", "--data", "README.md", "--model", "model"), "train.py failed: "),
        (("compare", "answer.csv", "README.md"), "README.md: invalid predictions: "),
        (("compare", "answer.csv", "gone.csv"), "gone.csv: No such file or directory"),
    ):
        result = run_step(readers_copy, *args)
        assert result.returncode == 1
        [line] = result.stderr.splitlines()
        assert line.startswith("steps.py")
        assert reason in line


def test_the_command_in_the_folder_is_installed_without_a_network(template_run: Path, tmp_path: Path) -> None:
    wheels = sorted((template_run / "handover").glob("*.whl"))
    assert len(wheels) == 2
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", tmp_path / "site", *wheels]
    subprocess.run([sys.executable, *install], env=environment(), check=True, timeout=300)
    code = "from pathlib import Path; from recore.handover.wheel import write_wheels; write_wheels(Path(), {})"
    variables = environment() | {"PYTHONPATH": str(tmp_path / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    for wheel in wheels:  # an installed recore hands over itself
        assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_warning_precedes_all_commands_and_the_readers_recore_the_authors(template_run: Path) -> None:
    page = (template_run / "handover/README.md").read_text("utf-8")
    preface, *_ = page.partition("```")
    for phrase in ("code by the author of this folder", "same author: it detects damage", "your own recore"):
        assert phrase in preface
    assert page.index("--isolation required --out") < page.index("pip install")


def test_every_file_has_a_hash_and_the_sample_has_no_assays(template_run: Path, template_public: pd.DataFrame) -> None:
    folder = template_run / "handover"
    names = {line[66:] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names == files - {"SHA256SUMS"}
    assert "data" not in {path.name for path in folder.iterdir()}
    spectra = pd.read_csv(folder / "sample/spectra.csv.gz", index_col=0, float_precision="round_trip")
    assert len(spectra) == 10
    pd.testing.assert_frame_equal(spectra, template_public.loc[spectra.index, spectra.columns])
    assert not [name for name in spectra if name.endswith(("PPM", "PCT", "PPB"))]
