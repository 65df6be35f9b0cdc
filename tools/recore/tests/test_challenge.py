"""A challenge is defined in a score.py, which is parsed but never run."""

import contextlib
from pathlib import Path

import preprocess
import pytest
import score
from hypothesis import given
from hypothesis import strategies as st
from recore_support.command import recore, usage_error
from recore_support.schema import CHALLENGE, TARGETS
from stagemaker_support.fuzzing import examples
from support.checkout import ROOT

from recore.challenge import Challenge, activate, challenge, parse_challenge, read_challenge, reword, score_script
from recore.template.challenge_files import read_targets, write_challenge

SOIL = """
IDS = ["Field", "No"]
GROUP, GROUP_NAME = "Field", "orchard"
WEIGHTS = {"pH.H2O": 0.5, "SOC": 0.25, "CuPPM": 0.25}
UNITS: dict[str, str] = {"SOC": "g/kg", "pH.H2O": "pH"}
raise SystemExit("this must not run")
"""
ORCHARD = parse_challenge(SOIL.encode())


def test_the_template_is_read_as_it_runs() -> None:
    assert dict(CHALLENGE.weights) == score.WEIGHTS
    assert list(CHALLENGE.ids) == score.IDS == preprocess.IDS
    assert CHALLENGE.group == score.GROUP == preprocess.GROUP
    assert CHALLENGE.targets == score.TARGETS == tuple(preprocess.TARGETS)
    assert CHALLENGE.sample_ids == ("SiteID", "DepthFrom", "DepthTo")
    units = {name: CHALLENGE.unit(name) for name in ("CuPPM", "FePCT", "UPPB")}
    assert units == {"CuPPM": "ppm", "FePCT": "%", "UPPB": "ppb"}


def test_any_names_and_units_make_a_challenge() -> None:
    assert ORCHARD.targets == ("pH.H2O", "SOC", "CuPPM")
    assert [ORCHARD.unit(name) for name in ORCHARD.targets] == ["pH", "g/kg", "ppm"]
    assert (ORCHARD.sample_ids, ORCHARD.depths) == (("Field", "No"), ())
    assert ORCHARD.unknown_columns(["Field", "No", "SOC", "4000", "DepthTo"]) == ["DepthTo"]


def test_the_working_folders_script_counts_as_a_challenge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert challenge().targets == TARGETS
    (tmp_path / "score.py").write_text("print('another program')\n")
    assert challenge().targets == TARGETS
    (tmp_path / "score.py").write_text(SOIL)
    assert score_script() == tmp_path / "score.py"
    assert challenge().to_dict() == ORCHARD.to_dict()
    with activate(CHALLENGE):
        assert challenge() is CHALLENGE
    (tmp_path / "score.py").write_text("WEIGHTS = dict(Cu=1)\n")
    with pytest.raises(ValueError, match="line 1: WEIGHTS must be a literal, because the file is not run"):
        challenge()
    result = recore("sample", "--out", "data", cwd=tmp_path)
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        *(
            (SOIL.replace("WEIGHTS =", form, 1), "")
            for form in (
                "(WEIGHTS) =",
                "X = WEIGHTS =",
                "WEIGHTS \\\n =",
                "WEIGHTS: dict[\nstr, float] =",
                "\uff37EIGHTS =",
            )
        ),
        (SOIL.replace("\n", "\r"), ""),
        (SOIL.replace("WEIGHTS =", "A, WEIGHTS = 1,", 1), ""),
        ("if True: WEIGHTS = {'A': 1}\n", "line 1: WEIGHTS is modified other than by"),
        ("from weights import WEIGHTS\n", "line 1: WEIGHTS is modified other than by"),
        ("print(WEIGHTS)\n", "WEIGHTS, a dictionary of targets and weights, is not defined"),
        (f"{'#' * (1 << 20)}\n{SOIL}", "the file is larger than 1 MB"),
    ],
)
def test_a_script_that_mentions_weights_counts_or_is_rejected(
    source: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("score.py").write_bytes(source.encode())
    assert score_script() == tmp_path / "score.py"
    if reason:
        with pytest.raises(ValueError, match=reason):
            challenge()
    else:
        assert challenge().to_dict() == ORCHARD.to_dict()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("WEIGHTS = {'=A1': 1}", "'=A1' cannot be a column name"),
        ("WEIGHTS = {'@SUM(A1)': 1}", "cannot be a column name; use no number, comma, quotation mark or formula"),
        ("WEIGHTS = {}", "no targets are defined"),
        ("WEIGHTS = {'A': 1, 'A': 2}", "WEIGHTS contains 'A' twice"),
        ("WEIGHTS = {'A': '1'}", "WEIGHTS must map names to numbers"),
        ("WEIGHTS = {'A': True}", "WEIGHTS must map names to numbers"),
        ("WEIGHTS = {'A': -1}", "a weight is negative or not finite, or all are 0"),
        ("WEIGHTS = {'A': 0}", "or all are 0"),
        ("WEIGHTS = {'A': 1e999}", "a weight is negative or not finite"),
        ("WEIGHTS = {'4000.5': 1}", "'4000.5' cannot be a column name"),
        ("WEIGHTS = {'a,b': 1}", "'a,b' cannot be a column name"),
        ("WEIGHTS = {'index': 1}", "'index' cannot be a column name"),
        ("WEIGHTS = {'Field': 1}", "'Field' appears twice among targets and IDs"),
        ("UNITS = {'Au': 'g/t'}", "UNITS contains 'Au', which is not a target"),
        ("IDS = 'Field'", "IDS is not a list of names"),
        ("GROUP = 'Hole'", "the group, 'Hole', is not one of the IDs"),
        ("GROUP_NAME = '<b>hole</b>'", "is not a noun"),
        ("GROUP_NAME = '{{ cycler.__init__.__globals__ }}'", "is not a noun"),
        ("TITLE = 'a\\nb'", "a unit or a description is not a single printable line"),
        ("WEIGHTS = {'A': (", "this is not valid Python"),
        ("WEIGHTS = " + "(" * 500, "this is not valid Python"),
    ],
)
def test_a_script_without_a_challenge_is_rejected_in_one_line(change: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason.replace("(", r"\(")) as caught:
        parse_challenge(
            f"{SOIL}UNITS = {{}}\n{change}\n".encode() if "Au" not in change else f"{SOIL}{change}".encode()
        )
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "WEIGHTS.update(SOC=1)",
        "WEIGHTS |= {'SOC': 1}",
        "WEIGHTS['SOC'] = 1",
        "WEIGHTS['SOC'] *= 2",
        "for name in IDS: WEIGHTS[name] = 1",
        "for WEIGHTS in []: pass",
        "while WEIGHTS.pop('SOC'): pass",
        "print(WEIGHTS := {'SOC': 1})",
        "if UNITS: WEIGHTS = {'SOC': 1}",
        "def change(): WEIGHTS['SOC'] = 1",
        "def change(): global WEIGHTS; WEIGHTS = {}",
        "first, *WEIGHTS = [1]",
        "from weights import WEIGHTS",
        "import weights as WEIGHTS",
        "def WEIGHTS(): pass",
        "with open('x') as WEIGHTS: pass",
        "del WEIGHTS['SOC']",
        "(WEIGHTS)['SOC'], other = 1, 2",
        "[IDS.append(name) for name in 'ab']",
        "IDS += ['Depth']",
    ],
)
def test_a_change_after_the_literal_is_rejected_with_its_line(statement: str) -> None:
    name = "IDS" if "IDS." in statement or "IDS +" in statement else "WEIGHTS"
    with pytest.raises(ValueError, match=rf"score.py, line {SOIL.count(chr(10)) + 1}: {name} is modified other than"):
        parse_challenge(f"{SOIL}{statement}\n".encode())


def test_code_that_only_reads_the_constants_is_accepted() -> None:
    code = "total = sum(WEIGHTS.values())\nnamed = {}\nnamed[GROUP] = WEIGHTS.copy()\nTITLE: str\nFIRST = IDS[0]\n"
    assert parse_challenge(f"{SOIL}{code}".encode()).to_dict() == ORCHARD.to_dict()


@given(st.text(max_size=40), st.binary(max_size=60))
@examples(200)
def test_no_text_of_a_script_is_more_than_rejected(source: str, content: bytes) -> None:
    for script in (source.encode("utf-8", "surrogatepass"), content, b"WEIGHTS = {" + content + b"}"):
        with contextlib.suppress(ValueError):
            parse_challenge(script)


def test_texts_use_the_hosts_word_for_groups() -> None:
    sentence = "A drill hole, drill holes, a hole and Holes; not hold-out, hole.csv, --holes or the_hole."
    assert reword(sentence) == sentence
    with activate(ORCHARD):
        assert reword(sentence) == (
            "An orchard, orchards, an orchard and Orchards; not hold-out, hole.csv, --holes or the_hole."
        )


# ---- A new challenge -------------------------------------------------------------------------------------------
def test_a_challenge_is_written_as_it_is_read(tmp_path: Path) -> None:
    for name in ("score.py", "preprocess.py", "train.py"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    names = [f'µ "{index}"' if index < 0 else f"T {index} é" for index in range(70)]
    challenge = Challenge(dict.fromkeys(names, 1 / 70), {names[3]: "‰"}, ("Plot",), "Plot", "plot", "T", "spectra")
    write_challenge(tmp_path, challenge)
    assert read_challenge(tmp_path / "score.py").to_dict() == challenge.to_dict()
    values: dict[str, object] = {}
    lines = (tmp_path / "preprocess.py").read_text().partition("EDGE =")[0].partition("IDS =")
    exec(lines[1] + lines[2], values)
    assert list(values["TARGETS"]) == names


def test_one_target_is_a_challenge(tmp_path: Path) -> None:
    (tmp_path / "targets.csv").write_text("name\nMoisture\n")
    args = ("new-challenge", tmp_path / "wood", "--targets", tmp_path / "targets.csv", "--id", "Tree")
    result = recore(*args, "--group-name", "tree", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "1 target in score.py" in result.stdout
    assert "It predicts 1 target from infrared spectra." in (tmp_path / "wood/README.md").read_text()
    assert recore(*args, cwd=tmp_path).stderr.endswith("is not an empty folder; choose a different one\n")


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("", "is not a table of targets: it is empty"),
        ("SOC,1\n", "the column 'name' is missing"),
        ("name,wieght\nSOC,1\n", "the column 'wieght' is unknown"),
        ("name,weight\nSOC,1\nSOC,2\n", "line 3: the target 'SOC' appears twice"),
        ("name,weight\n,1\n", "line 2: a target has no name"),
        ("name,weight\nSOC,x\n", "line 2: the weight 'x' is not a non-negative number"),
        ("name,weight\nSOC,-1\n", "line 2: the weight '-1'"),
        ("name;weight\nSOC;0,5\n", "its columns are separated by semicolons; save it as a CSV file with commas, and"),
        ('"name"\t"weight"\nSOC\t1\n', "its columns are separated by tabs; save it as a CSV file with commas, and"),
        ("name,weight\nSOC\n", "line 2: 1 cells, but the header has 2"),
        ("name\n4000\n", "'4000' cannot be a column name"),
        ("name\nSiteID\n", "'SiteID' appears twice"),
        ("name\n", "no targets are defined"),
    ],
)
def test_an_invalid_table_of_targets_is_rejected_in_one_line(table: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "targets.csv").write_text(table)
    line = usage_error(recore("new-challenge", "mine", "--targets", "targets.csv", cwd=tmp_path))
    assert line.startswith("recore: targets.csv")
    assert reason in line
    assert not (tmp_path / "mine").exists()


def test_units_that_names_state_are_not_repeated(tmp_path: Path) -> None:
    table = tmp_path / "targets.csv"
    table.write_text("\ufeffName, Weight ,Unit\nCuPPM,2,ppm\nHgPPM,1,\nodd PPM,1,none\nSOC,0,g/kg\n", "utf-8")
    weights, units = read_targets(table)
    assert weights == {"CuPPM": 2.0, "HgPPM": 1.0, "odd PPM": 1.0, "SOC": 0.0}
    assert units == {"odd PPM": "", "SOC": "g/kg"}
