"""`recore import`: the files that it reads or rejects, and its reports about them."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recore_support.import_runs import TABLE, X, absorbance, import_command, run_import, write_opus


def test_patterns_folders_and_files_are_read_once(folder: Path) -> None:
    (folder / "spectra/notes.doc").write_text("x")
    result, data = run_import(folder, "spectra/a.*", "spectra", "spectra/b.1", table="", replicates="each")
    assert list(data.index) == ["a:0", "a:1", "b:0", "b:1"]
    assert any("ignored 1 file with another extension" in remark for remark in result.remarks)
    for pattern in ("spectra/c*", "empty"):
        (folder / "empty").mkdir(exist_ok=True)
        with pytest.raises(ValueError, match=pattern[:5]):
            run_import(folder, pattern)


def test_ignored_files_and_subfolders_are_reported(folder: Path) -> None:
    (folder / "spectra/a.2").symlink_to("nowhere")
    (folder / "spectra/b.2").symlink_to("b.2")
    write_opus(folder / "spectra/deeper/c.0")
    result, _ = run_import(folder, replicates="mean", keep_going=True)
    assert [problem.source[-3:] for problem in result.problems] == ["a.2", "b.2"]
    assert f"{folder}/spectra: ignored 1 subfolder" in result.remarks
    (folder / "above").mkdir()
    (folder / "spectra/deeper").rename(folder / "above/deeper")
    with pytest.raises(ValueError, match="its subfolders, which are not searched"):
        run_import(folder, "above")


def test_names_that_a_data_file_cannot_contain_are_reported(folder: Path) -> None:
    write_opus(folder / "spectra/line\nbreak.0")
    write_opus(folder / "spectra" / os.fsdecode(b"\xff\xfe.0"))
    result, data = run_import(folder, table="", replicates="mean", keep_going=True)
    assert [problem.reason for problem in result.problems] == ["its name has unprintable characters; rename it"] * 2
    assert list(data.index) == ["a", "b"]


def test_the_assay_table_may_be_in_the_spectra_folder(folder: Path) -> None:
    (folder / "spectra/assays.csv").write_text(TABLE)
    result, data = run_import(folder, table="", assays=folder / "spectra/assays.csv", replicates="mean")
    assert not result.problems
    assert "the assay table is among the spectra files" in result.remarks[0]
    assert list(data.index) == ["b", "a"]


@pytest.mark.parametrize("role", ["spectrum", "--assays", "--like"])
def test_an_input_is_never_overwritten(folder: Path, role: str) -> None:
    path = folder / "in.csv.gz"
    assert import_command(folder / "spectra", "--replicates", "mean", "--out", path).exit_code == 0
    if role != "--like":
        path.write_bytes((folder / "spectra/a.0").read_bytes() if role == "spectrum" else TABLE.encode())
    content = path.read_bytes()
    (folder / "link.gz").symlink_to(path)
    inputs = (path,) if role == "spectrum" else (folder / "spectra", role, path)
    for out in (path, folder / "link.gz"):
        result = import_command(*inputs, "--replicates", "mean", "--out", out, "--force")
        assert result.exit_code == 2
        assert "is an input to this import and would be overwritten" in result.stderr
    assert path.read_bytes() == content


def test_each_bad_file_is_reported_and_only_keep_going_imports_the_others(folder: Path) -> None:
    content = (folder / "spectra/a.0").read_bytes()
    (folder / "spectra/a.1").write_bytes(content[:500])
    (folder / "spectra/c.0").write_bytes(b"")
    (folder / "spectra/d.0").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    (folder / "spectra/e.csv").write_text("hello\n")
    write_opus(folder / "spectra/b.1", x=np.linspace(4000, 500, 86))
    arguments = (folder / "spectra", "--replicates", "mean", "--out", folder / "o.csv.gz")
    result = import_command(*arguments)
    assert result.exit_code == 1
    lines = [line for line in result.stderr.splitlines() if "spectra/" in line]
    assert len(lines) == 5
    for name, reason in {
        "a.1": "truncated",
        "c.0": "empty",
        "d.0": "neither a Bruker OPUS file nor text",
        "e.csv": "two columns",
        "b.1": "--interpolate",
    }.items():
        assert any(f"/{name}:" in line and reason in line for line in lines), name
    assert "nothing was written" in result.stderr
    assert result.stdout == ""
    assert not (folder / "o.csv.gz").exists()
    result = import_command(*arguments, "--keep-going", "--json")
    assert result.exit_code == 1
    record = json.loads(result.stdout)
    assert (record["rows"], record["spectra"], record["channels"], len(record["problems"])) == (2, 2, 86, 5)
    data = pd.read_csv(folder / "o.csv.gz", index_col=0)
    assert list(data.index) == ["a", "b"]
    np.testing.assert_allclose(data.loc["b"], absorbance(X, 0.5), atol=1e-6)


def test_only_the_first_problems_of_a_table_are_listed(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text("sample,4000,3000\n" + "a,1,x\n" * 40)
    (tmp_path / "one.0").write_bytes(b"")
    arguments = (tmp_path / "all.csv", tmp_path / "one.0", "--out", tmp_path / "o.gz")
    lines = import_command(*arguments).stderr.splitlines()
    assert lines.pop(0) == "import: reading"
    assert len(lines) == 8
    assert lines[-2].endswith("all.csv: 35 more problems; --json lists all")
    assert lines[-1].endswith("nothing was written because of 41 problems")
    assert len(json.loads(import_command(*arguments, "--json").stdout)["problems"]) == 41


def test_nothing_is_written_if_all_files_are_bad(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.0")
    result = import_command(tmp_path / "pipe.0", tmp_path / "absent.0", "--keep-going", "--out", tmp_path / "o.gz")
    assert result.exit_code == 1
    assert "pipe.0: this is not a regular file" in result.stderr
    assert "absent.0: there is no such file" in result.stderr
    assert not (tmp_path / "o.gz").exists()


def test_samples_that_are_only_in_the_table_or_only_in_the_folder_are_reported(folder: Path) -> None:
    write_opus(folder / "spectra/c.0")
    longer_table = TABLE + "missing,D2,0,1,5,5\n"
    result, _ = run_import(folder, table=longer_table, replicates="mean")
    assert [problem.reason for problem in result.problems if "'c'" in problem.reason]
    assert (
        result.problems[-1].reason == "these samples have no usable spectrum: missing; --keep-going imports the others"
    )
    result, data = run_import(folder, replicates="mean", only_listed=True)
    assert not result.problems
    assert list(data.index) == ["b", "a"]
    result, _ = run_import(folder, table="sample,SiteID,DepthFrom,DepthTo\nz,D,0,1\n", only_listed=True)
    assert [problem.reason for problem in result.problems] == ["these samples have no usable spectrum: z"]
    with pytest.raises(ValueError, match="--assays"):
        run_import(folder, table="", only_listed=True)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--out", "x.csv"), "ends in .csv.gz"),
        (("--out", "x.csv.gz", "--block", "AB"), "absorbance, atr"),
        (("--out", "x.csv.gz", "--block", "absorbance:0"), "absorbance, atr"),
        (("--out", "x.csv.gz", "--assays", "nowhere.csv"), "nowhere.csv: there is no such file"),
        (("--out", "x.csv.gz", "--like", "nowhere.csv.gz"), "nowhere.csv.gz: there is no such file"),
        (("--out", f"{__file__}/deeper/x.csv.gz"), "is not a folder"),
    ],
)
def test_invalid_usage_is_reported_in_one_line(folder: Path, arguments: tuple[str, ...], reason: str) -> None:
    result = import_command(folder / "spectra", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert reason in result.stderr
