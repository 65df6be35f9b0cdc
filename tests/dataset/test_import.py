"""`recore import`: an instrument's folder and a laboratory's table become a data file, whole or not at all."""

import csv
import gzip
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from support.checkout import ROOT, environment
from support.opus_files import block, opus_bytes

import preprocess
import score
from recore.cli import main
from recore.dataset.importing import Order, Outcome, import_files
from recore.dataset.instruments.files import Reading

X = np.linspace(4000, 600, 86)
TABLE = "sample,SiteID,DepthFrom,DepthTo,CuPPM,FePCT\nb,D1,0,1.5,120,3.1\na,D1,1.5,2,<0.5,\n"


def absorbance(x: np.ndarray, height: float = 1.0) -> np.ndarray:
    return 0.4 + height * np.exp(-(((x - 1050) / 120) ** 2)) + 0.3 * np.exp(-(((x - 3400) / 200) ** 2))


def opus(path: Path, height: float = 1.0, x: np.ndarray = X) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(opus_bytes(block("absorbance", absorbance(x, height), x[0], x[-1])))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Samples a and b, two spectra each."""
    for name, height in {"a.0": 1.0, "a.1": 1.2, "b.0": 0.5, "b.1": 0.7}.items():
        opus(tmp_path / "spectra" / name, height)
    return tmp_path


def run(folder: Path, *files: str | Path, table: str = TABLE, **options: object) -> tuple[Outcome, pd.DataFrame | None]:
    """Import files, `spectra` by default, with a table or, where it is "", without."""
    out = folder / "out.csv.gz"
    out.unlink(missing_ok=True)
    if table:
        (folder / "assays.csv").write_text(table)
        options["assays"] = folder / "assays.csv"
    named = tuple(folder / file for file in files or ("spectra",))
    outcome = import_files(Order(named, out, **options))
    assert out.exists() == bool(outcome.rows)
    assert not list(folder.glob("*.part"))
    return outcome, pd.read_csv(out, index_col=0) if outcome.rows else None


def command(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["import", *map(str, arguments)])


def test_rows_in_the_tables_order_with_everything_in_the_schema(folder: Path) -> None:
    outcome, data = run(folder, replicates="mean")
    assert not outcome.problems
    assert list(data.columns) == ["DepthTo", "SiteID", "DepthFrom", *(f"{x:.1f}" for x in X), *score.TARGETS]
    assert list(data.index) == ["b", "a"]
    np.testing.assert_allclose(data.loc["a", "4000.0":"600.0"].astype(float), absorbance(X, 1.1), atol=1e-6)
    np.testing.assert_allclose(data.loc["b", "4000.0":"600.0"].astype(float), absorbance(X, 0.6), atol=1e-6)
    assert list(data["CuPPM"]) == [120, 0.25]
    assert data["FePCT"].isna().tolist() == [False, True]
    assert data[[name for name in score.TARGETS if name not in ("CuPPM", "FePCT")]].isna().all(axis=None)
    assert list(data["DepthFrom"]) == [0, 1.5]
    assert any("<0.5" in remark for remark in outcome.remarks)
    inputs, targets = preprocess.preprocess(folder / "out.csv.gz")
    assert inputs.shape == (2, 12)
    assert list(targets.index) == ["b", "a"]


def test_without_a_table_and_with_one_that_has_no_assays(folder: Path) -> None:
    _, data = run(folder, table="", replicates="mean")
    assert list(data.columns) == [f"{x:.1f}" for x in X]
    assert list(data.index) == ["a", "b"]
    assert preprocess.preprocess(folder / "out.csv.gz")[1] is None
    bare = "index,sample,SiteID,DepthFrom,DepthTo\n7,a,D1,0,1\n3,b,D1,1,2\n"
    _, data = run(folder, table=bare, replicates="mean")
    assert list(data.columns)[:4] == ["DepthTo", "SiteID", "DepthFrom", "4000.0"]
    assert list(data.index) == [7, 3]
    assert not set(score.TARGETS) & set(data.columns)


def test_replicates_are_refused_averaged_or_a_row_each(folder: Path) -> None:
    outcome, _ = run(folder)
    assert [problem.reason.partition(":")[0] for problem in outcome.problems[:-1]] == [
        "2 of 2 samples have several spectra, 'a' for one 2"
    ]
    _, data = run(folder, replicates="each")
    assert list(data.index) == ["b:0", "b:1", "a:0", "a:1"]
    assert list(data["CuPPM"]) == [120, 120, 0.25, 0.25]
    np.testing.assert_allclose(data.loc["b:1", "1040.0"], absorbance(1040.0, 0.7), atol=1e-6)
    assert data["1040.0"].nunique() == 4


def test_names_by_a_pattern_of_ones_own(folder: Path) -> None:
    for name in ("2024_x_rep1.dat", "2024_x_rep2.dat"):
        opus(folder / name)
    pattern = r"\d+_(?P<sample>\w+)_rep(?P<replicate>\d)\.dat"
    files = ("2024_x_rep1.dat", "2024_x_rep2.dat")
    done = command(
        *(folder / file for file in files), "--name", pattern, "--replicates", "mean", "--out", folder / "o.gz"
    )
    assert done.exit_code == 0, done.stderr
    assert "1 rows of 86 channels, 4000.0 to 600.0 cm-1 from 2 spectra" in done.stdout
    for wrong, reason in {"(": "no regular expression", "x": "no group"}.items():
        done = command(folder / "spectra", "--name", wrong, "--out", folder / "p.gz")
        assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
        assert reason in done.stderr


def test_patterns_folders_and_files_each_once(folder: Path) -> None:
    (folder / "spectra/notes.doc").write_text("x")
    outcome, data = run(folder, "spectra/a.*", "spectra", "spectra/b.1", table="", replicates="each")
    assert list(data.index) == ["a:0", "a:1", "b:0", "b:1"]
    assert any("other names that were passed over: 1" in remark for remark in outcome.remarks)
    for nothing in ("spectra/c*", "empty"):
        (folder / "empty").mkdir(exist_ok=True)
        with pytest.raises(ValueError, match=nothing[:5]):
            run(folder, nothing)


def test_what_a_folder_holds_and_is_not_read_is_said(folder: Path) -> None:
    (folder / "spectra/a.2").symlink_to("nowhere")
    (folder / "spectra/b.2").symlink_to("b.2")
    opus(folder / "spectra/deeper/c.0")
    outcome, _ = run(folder, replicates="mean", keep_going=True)
    assert [problem.source[-3:] for problem in outcome.problems] == ["a.2", "b.2"]
    assert f"{folder}/spectra: folders in it that were passed over: 1" in outcome.remarks
    (folder / "above").mkdir()
    (folder / "spectra/deeper").rename(folder / "above/deeper")
    with pytest.raises(ValueError, match="the folders in it are not looked into"):
        run(folder, "above")


def test_names_that_no_data_file_could_hold(folder: Path) -> None:
    opus(folder / "spectra/line\nbreak.0")
    opus(folder / "spectra" / os.fsdecode(b"\xff\xfe.0"))
    outcome, data = run(folder, table="", replicates="mean", keep_going=True)
    assert [problem.reason for problem in outcome.problems] == [
        "its name has letters that cannot be printed: rename it"
    ] * 2
    assert list(data.index) == ["a", "b"]


def test_the_assay_table_may_lie_among_the_spectra(folder: Path) -> None:
    (folder / "spectra/assays.csv").write_text(TABLE)
    outcome, data = run(folder, table="", assays=folder / "spectra/assays.csv", replicates="mean")
    assert not outcome.problems
    assert "not read as one" in outcome.remarks[0]
    assert list(data.index) == ["b", "a"]


@pytest.mark.parametrize("role", ["spectrum", "--assays", "--like"])
def test_an_input_is_never_replaced(folder: Path, role: str) -> None:
    path = folder / "in.csv.gz"
    assert command(folder / "spectra", "--replicates", "mean", "--out", path).exit_code == 0
    if role != "--like":
        path.write_bytes((folder / "spectra/a.0").read_bytes() if role == "spectrum" else TABLE.encode())
    before = path.read_bytes()
    (folder / "link.gz").symlink_to(path)
    inputs = (path,) if role == "spectrum" else (folder / "spectra", role, path)
    for out in (path, folder / "link.gz"):
        done = command(*inputs, "--replicates", "mean", "--out", out, "--force")
        assert done.exit_code == 2
        assert "is read for this import, and would be replaced" in done.stderr
    assert path.read_bytes() == before


def test_bad_files_are_a_line_each_and_stop_all_or_not(folder: Path) -> None:
    whole = (folder / "spectra/a.0").read_bytes()
    (folder / "spectra/a.1").write_bytes(whole[:500])
    (folder / "spectra/c.0").write_bytes(b"")
    (folder / "spectra/d.0").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    (folder / "spectra/e.csv").write_text("hello\n")
    opus(folder / "spectra/b.1", x=np.linspace(4000, 500, 86))
    arguments = (folder / "spectra", "--replicates", "mean", "--out", folder / "o.csv.gz")
    done = command(*arguments)
    assert done.exit_code == 1
    lines = [line for line in done.stderr.splitlines() if "spectra/" in line]
    assert len(lines) == 5
    for name, reason in {
        "a.1": "cut short",
        "c.0": "empty",
        "d.0": "neither a Bruker OPUS file nor text",
        "e.csv": "two columns",
        "b.1": "--interpolate",
    }.items():
        assert any(f"/{name}:" in line and reason in line for line in lines), name
    assert "nothing was written" in done.stderr
    assert done.stdout == ""
    assert not (folder / "o.csv.gz").exists()
    done = command(*arguments, "--keep-going", "--json")
    assert done.exit_code == 1
    record = json.loads(done.stdout)
    assert (record["rows"], record["spectra"], record["channels"], len(record["problems"])) == (2, 2, 86, 5)
    data = pd.read_csv(folder / "o.csv.gz", index_col=0)
    assert list(data.index) == ["a", "b"]
    np.testing.assert_allclose(data.loc["b"], absorbance(X, 0.5), atol=1e-6)


def test_a_bad_table_does_not_fill_the_screen(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text("sample,4000,3000\n" + "a,1,x\n" * 40)
    (tmp_path / "one.0").write_bytes(b"")
    arguments = (tmp_path / "all.csv", tmp_path / "one.0", "--out", tmp_path / "o.gz")
    lines = command(*arguments).stderr.splitlines()
    assert len(lines) == 8
    assert lines[-2].endswith("all.csv: and 35 problems more; --json lists all")
    assert lines[-1].endswith("41 reason(s)")
    assert len(json.loads(command(*arguments, "--json").stdout)["problems"]) == 41


def test_nothing_but_bad_files_is_nothing_written(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.0")
    done = command(tmp_path / "pipe.0", tmp_path / "absent.0", "--keep-going", "--out", tmp_path / "o.gz")
    assert done.exit_code == 1
    assert "pipe.0: it is no regular file" in done.stderr
    assert "absent.0: there is no such file" in done.stderr
    assert not (tmp_path / "o.gz").exists()


def test_samples_that_the_table_and_the_folder_do_not_share(folder: Path) -> None:
    opus(folder / "spectra/c.0")
    more = TABLE + "missing,D2,0,1,5,5\n"
    outcome, _ = run(folder, table=more, replicates="mean")
    assert [problem.reason for problem in outcome.problems if "'c'" in problem.reason]
    assert outcome.problems[-1].reason == "no spectrum could be used of: missing"
    outcome, data = run(folder, replicates="mean", only_listed=True)
    assert not outcome.problems
    assert list(data.index) == ["b", "a"]
    outcome, _ = run(folder, table="sample,SiteID,DepthFrom,DepthTo\nz,D,0,1\n", only_listed=True)
    assert [problem.reason for problem in outcome.problems] == ["no spectrum could be used of: z"]
    with pytest.raises(ValueError, match="--assays"):
        run(folder, table="", only_listed=True)


def test_the_same_replicate_twice(folder: Path) -> None:
    opus(folder / "other/a.0")
    outcome, _ = run(folder, "spectra", "other", replicates="mean")
    (problem,) = outcome.problems
    assert problem.source.endswith("other/a.0")
    assert "sample 'a', replicate 0 is in" in problem.reason
    opus(folder / "third/a")
    outcome, _ = run(folder, "spectra", "third/a", table="", replicates="each")
    (problem,) = outcome.problems  # two rows would be called a:0
    assert "sample 'a' is in" in problem.reason


def test_other_grids_are_refused_or_interpolated_and_never_extrapolated(folder: Path) -> None:
    shifted = np.linspace(3993, 617, 83)
    opus(folder / "spectra/b.1", 0.7, shifted)
    outcome, _ = run(folder, replicates="mean")
    (problem,) = [problem for problem in outcome.problems if "b.1" in problem.source]
    assert "83 channels, 3993.0 to 617.0 cm-1" in problem.reason
    outcome, data = run(folder, replicates="each", interpolate=True)
    assert not outcome.problems
    assert any("1 of 4 spectra: interpolated by a cubic spline" in remark for remark in outcome.remarks)
    assert any("3 of 4 spectra: cut" in remark for remark in outcome.remarks)
    names = [name for name in data if name[0].isdigit()]
    assert (names[0], names[-1]) == ("3960.0", "640.0")
    on_grid = absorbance(np.array(names, dtype=float), 0.7)
    np.testing.assert_allclose(data.loc["b:1", names].astype(float), on_grid, atol=2e-3)
    np.testing.assert_allclose(
        data.loc["a:0", names].astype(float), absorbance(np.array(names, dtype=float)), atol=1e-6
    )


def test_grids_that_differ_by_the_laser_are_one(folder: Path) -> None:
    opus(folder / "spectra/b.1", 0.7, X + 0.1)  # of 40 between channels
    outcome, data = run(folder, replicates="each")
    assert not outcome.problems
    assert "4000.0" in data.columns


def test_a_gap_is_not_filled_and_coarse_spectra_are_pointed_at(folder: Path) -> None:
    gap = [f"{x},{absorbance(x)}\n" for x in np.linspace(4050, 550, 300) if not 2280 < x < 2400]
    (folder / "spectra/c.csv").write_text("".join(gap))
    opus(folder / "spectra/d.0", x=np.linspace(4100, 500, 41))
    outcome, data = run(folder, table="", replicates="mean", interpolate=True, keep_going=True)
    (problem,) = outcome.problems
    assert problem.source.endswith("c.csv")
    assert "no channel between 2411.2 and 2270.7" in problem.reason
    assert any("1 of 6 spectra" in remark and "adds no detail" in remark for remark in outcome.remarks)
    assert list(data.index) == ["a", "b", "d"]


def test_a_spectrum_without_common_channels_does_not_stop_the_others(folder: Path) -> None:
    opus(folder / "spectra/b.1", x=np.linspace(550, 400, 80), height=1e6)
    opus(folder / "spectra/b.2", x=np.linspace(4000, 3900, 80))
    outcome, data = run(folder, replicates="mean", interpolate=True, keep_going=True)
    assert [problem.source[-3:] for problem in outcome.problems] == ["b.1", "b.2"]
    assert all("nothing is extrapolated" in problem.reason for problem in outcome.problems)
    assert len([name for name in data if name[0].isdigit()]) == len(X)


def test_too_few_channels(tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("sample,4000,3000,2000\na,1,2,1\n")
    with pytest.raises(ValueError, match=r"few\.csv line 2: 3 channels; 7 or more"):
        run(tmp_path, "few.csv", table="")


def test_the_channels_of_another_file(folder: Path) -> None:
    run(folder, replicates="mean")
    like = (folder / "out.csv.gz").rename(folder / "like.csv.gz")
    opus(folder / "new/n.0", x=np.linspace(4080, 520, 90))  # the same steps, further
    opus(folder / "new/m.0", x=np.linspace(4100, 500, 200))
    outcome, _ = run(folder, "new", table="", like=like)
    assert [problem.source[-3:] for problem in outcome.problems] == ["m.0"]
    outcome, data = run(folder, "new", table="", like=like, interpolate=True)
    assert not outcome.problems
    assert list(data.columns) == [f"{x:.1f}" for x in X]
    np.testing.assert_allclose(data.to_numpy(), np.tile(absorbance(X), (2, 1)), atol=1e-4)
    opus(folder / "new/o.0", x=np.linspace(3900, 500, 200))
    outcome, _ = run(folder, "new", table="", like=like, interpolate=True)
    assert "nothing is extrapolated" in outcome.problems[0].reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not gzip", "a gzipped CSV"),
        (gzip.compress(b""), "channels"),
        (gzip.compress(b",SiteID,depth\n"), "'depth' is none"),
        (gzip.compress(b",4000,3000\n"), "there are 2"),
        (gzip.compress(b",4000.0,3000.0\n")[:12], "gzipped"),
    ],
    ids=range(5),  # gzip's bytes hold the time: two workers would name these tests differently
)
def test_a_like_that_is_no_data_file(folder: Path, content: bytes, reason: str) -> None:
    (folder / "like.csv.gz").write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        run(folder, like=folder / "like.csv.gz")


def test_six_decimals_and_no_minus_before_a_zero(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text(
        "sample," + ",".join(map(str, range(4000, 3300, -100))) + "\na,-1e-9,1,2,3,0.1,0,0.12345678\n"
    )
    run(tmp_path, "all.csv", table="")
    with gzip.open(tmp_path / "out.csv.gz", "rt") as file:
        assert file.read().splitlines()[1] == '"a",0,1,2,3,0.1,0,0.123457'


def test_what_looks_like_reflectance_is_said(tmp_path: Path) -> None:
    for sample in "ab":
        x = np.linspace(4000, 600, 400)
        rows = zip(x, 10 ** -absorbance(x), strict=True)
        (tmp_path / f"{sample}.csv").write_text("".join(f"{a},{b}\n" for a, b in rows))
    outcome, _ = run(tmp_path, "a.csv", "b.csv", table="")
    assert any("is it reflectance?" in remark for remark in outcome.remarks)
    outcome, data = run(tmp_path, "a.csv", "b.csv", table="", reading=Reading(convert="fraction"))
    assert not any("is it reflectance?" in remark for remark in outcome.remarks)
    np.testing.assert_allclose(data.loc["a"], absorbance(x), atol=1e-6)


def test_the_same_input_makes_the_same_bytes_and_a_file_is_not_replaced(folder: Path) -> None:
    run(folder, replicates="mean")
    before = (folder / "out.csv.gz").read_bytes()
    assert before[4:8] == bytes(4)  # no time in gzip's header
    run(folder, replicates="mean")
    assert (folder / "out.csv.gz").read_bytes() == before
    done = command(folder / "spectra", "--replicates", "mean", "--out", folder / "out.csv.gz")
    assert done.exit_code == 2
    assert "--force" in done.stderr
    (folder / "spectra/a.1").write_bytes(b"")
    done = command(folder / "spectra", "--replicates", "mean", "--out", folder / "out.csv.gz", "--force")
    assert done.exit_code == 1
    assert (folder / "out.csv.gz").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--out", "x.csv"), "ends in .csv.gz"),
        (("--out", "x.csv.gz", "--block", "AB"), "absorbance, atr"),
        (("--out", "x.csv.gz", "--block", "absorbance:0"), "absorbance, atr"),
        (("--out", "x.csv.gz", "--assays", "nowhere.csv"), "nowhere.csv: there is no such file"),
        (("--out", "x.csv.gz", "--like", "nowhere.csv.gz"), "nowhere.csv.gz: there is no such file"),
        (("--out", f"{__file__}/deeper/x.csv.gz"), "is no folder"),
    ],
)
def test_wrong_use_is_one_line(folder: Path, arguments: tuple[str, ...], reason: str) -> None:
    done = command(folder / "spectra", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert reason in done.stderr


def test_progress_on_a_terminal_alone(folder: Path) -> None:
    ours, theirs = pty.openpty()
    arguments = [sys.executable, "-m", "recore", "import", folder / "spectra", "--replicates", "mean"]
    done = subprocess.run(
        [*arguments, "--out", folder / "o.csv.gz"],
        cwd=ROOT,
        env=environment() | {"TERM": "xterm-256color"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=60,
    )
    os.close(theirs)
    shown = os.read(ours, 1 << 20).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "\x1b[" in shown
    assert "100%" in shown
    assert "\x1b" not in done.stdout.decode()


# ---- The YAMSYS soils (Zenodo, DOI 10.5281/zenodo.1174869), where a copy is at hand ----------------------
yamsys = pytest.mark.skipif("RECORE_YAMSYS" not in os.environ, reason="RECORE_YAMSYS names no folder with YAMSYS soils")

# target: the source's column, and what its unit is multiplied by
SOILS = {"FePCT": ("Fe_tot", 0.1), "AlPPM": ("Al_tot", 1000), "KPPM": ("K_tot", 1000), "CaPPM": ("Ca_tot", 1000)}
SOILS |= {"PPCT": ("P_tot", 0.0001), "MnPPM": ("Mn_tot", 1), "ZnPPM": ("Zn_tot", 1), "CuPPM": ("Cu_tot", 1)}
SOILS |= {"SPPM": ("S", 1)}


def soils_table(part: str, path: Path) -> Path:
    """The assay table of the public or the private soils, or of all."""
    with (Path(os.environ["RECORE_YAMSYS"]) / "soilchem_yamsys.csv").open() as source, path.open("w") as file:
        targets = {} if part == "private" else SOILS
        table = csv.writer(file)
        table.writerow(["index", "sample", "SiteID", "DepthFrom", "DepthTo", *targets])
        for place, soil in enumerate(csv.DictReader(source)):
            if part == "all" or (soil["site"] == "mo") == (part == "private"):
                cells = [(soil[column], factor) for column, factor in targets.values()]
                assays = ["" if cell in ("", "NA") else round(float(cell) * factor, 6) for cell, factor in cells]
                table.writerow([place, soil["sample_ID"], soil["site_comb"], 0, 20, *assays])
    return path


def cells_of(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.DictReader(file))


@yamsys
@pytest.mark.parametrize("part", ["public", "private"])
def test_the_284_opus_files_make_the_yamsys_data_to_the_last_decimal(tmp_path: Path, part: str) -> None:
    data = Path(os.environ["RECORE_YAMSYS"])
    assert len(list((data / "spectra").iterdir())) == 284
    out = tmp_path / "out.csv.gz"
    options = ("--assays", soils_table(part, tmp_path / "table.csv"), "--only-listed", "--replicates", "mean")
    done = command(data / "spectra", *options, "--out", out)
    assert done.exit_code == 0, done.stderr
    assert "2 absorbance blocks" in done.stderr
    found, expected = cells_of(out), cells_of(data / f"{part}.csv.gz")
    assert len(found) == len(expected)
    assert list(found[0]) == list(expected[0])
    for one, other in zip(found, expected, strict=True):
        for name, cell in one.items():
            if cell != other[name]:  # a channel's text must be equal; an assay or a depth its number
                assert name in score.TARGETS or name.startswith("Depth"), (name, cell, other[name])
                assert float(cell) == float(other[name])


@yamsys
def test_single_channels_give_what_the_instrument_made_of_them(tmp_path: Path) -> None:
    spectra = Path(os.environ["RECORE_YAMSYS"]) / "spectra"
    frames = []
    for name in ("absorbance:2", "single-channel"):
        out = tmp_path / f"{name}.csv.gz"
        done = command(f"{spectra}/CI_tb_*", "--block", name, "--replicates", "mean", "--out", out)
        assert done.exit_code == 0, done.stderr
        frames.append(pd.read_csv(out, index_col=0))
    assert frames[0].shape == (20, 1716)
    np.testing.assert_allclose(*frames, atol=2e-6)
