"""Hyperparameters of fit(), read from train.py without importing it, and the ranges to tune."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recore_support.tiny_submission import stub
from support.checkout import ROOT

from recore.evaluation import SubmissionFiles, read_submission
from recore.production.fit_hyperparameters import choose_values, read_hyperparameters
from recore.production.ranges import read_plan
from recore.validation.program import hyperparameters

DEFAULTS = {"alphas": 11, "alpha_max": 1e5, "kind": "a", "scaled": True, "early": None, "x": 1.0}
FIT = 'def fit(inputs, targets, holes, alphas=11, alpha_max=1e5, kind="a", scaled=True, early=None, x=1.0): ...\n'


def files_with(train: str | bytes) -> SubmissionFiles:
    content = train if isinstance(train, bytes) else train.encode()
    return SubmissionFiles(Path("theirs"), {"train.py": content, "preprocess.py": b""})


def submission(folder: Path, table: str = "") -> SubmissionFiles:
    stub(folder, {"train.py": FIT, **({"pyproject.toml": table} if table else {})})
    return read_submission(folder)


def reason(call: Any, *arguments: Any) -> str:
    with pytest.raises(ValueError, match=r".") as error:
        call(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_templates_hyperparameters() -> None:
    assert read_hyperparameters(read_submission(ROOT)) == {
        "alpha_min": 1e-5,
        "alpha_max": 1e5,
        "alphas": 50,
        "n_components": 300,
    }


def test_train_py_is_not_executed(tmp_path: Path) -> None:
    train = f"open({str(tmp_path / 'ran')!r}, 'w')\n{FIT}"
    assert read_hyperparameters(files_with(train)) == DEFAULTS
    assert not (tmp_path / "ran").exists()


def test_the_names_equal_those_found_by_inspection() -> None:
    scope: dict[str, Any] = {}
    for words in ("a, b, c, d=1, /, e=2", "a, /, b, c, d=1, *rest, e=-2, **others", "a, b, c, *, d='x', e=len('ab')"):
        train = f"def fit({words}): ..."
        exec(train, scope)
        if "d=1, /" in words:
            assert "cannot be passed by name: move it after the /" in reason(read_hyperparameters, files_with(train))
            continue
        known, expected = read_hyperparameters(files_with(train)), hyperparameters(scope["fit"])
        assert known == expected | ({"e": None} if "len" in words else {})  # a default that is not a literal


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        ("import x\n", "theirs: train.py has no function fit(), whose parameters are the hyperparameters"),
        ("class Model:\n    def fit(self, a, b, c=1): ...", "has no function fit()"),
        ("from models.ridge import fit", "theirs: train.py imports fit() from models.ridge: define it in train.py"),
        (FIT + "from models import fit", "imports fit() from models"),
        (FIT + "if True:\n    fit = wrap(fit)", "theirs: train.py, line 3: define fit() as a function"),
        ("fit = lambda a, b, c, d=1: ...", "define fit() as a function"),
        ("@cached\n" + FIT, "theirs: train.py, line 2: fit() has a decorator, which can change its parameters"),
        ("def fit(inputs, targets, cv=3): ...", "these must be its first three parameters"),
        ("def fit(inputs, *, targets, holes): ...", "these must be its first three parameters"),
        ("def fit(a, b, c, d): ...", "the hyperparameter d must have a default"),
        ("def fit(a, b, c, *, d): ...", "the hyperparameter d must have a default"),
        ("def fit(a, b, c, d=1, /): ...", "the hyperparameter d cannot be passed by name"),
        ("def fit(a, b", "theirs: train.py is not valid Python: "),
        (b"\xff\xfe", "is not valid Python: "),
        ("x = " + "-" * 100_000 + "1", "is not valid Python: "),
        ("#" * (1 << 20) + "\n", "theirs: train.py is larger than 1 MB"),
    ],
)
def test_a_fit_that_cannot_be_read_is_rejected(train: str | bytes, expected: str) -> None:
    assert expected in reason(read_hyperparameters, files_with(train))


@pytest.mark.parametrize(
    "train",
    [
        "try:\n    import fast\n    def fit(a, b, c, alphas=11): ...\nexcept ImportError:\n    pass",
        "from x import fit\ndef fit(a, b, c, /, *rest, alphas: int = 11, **others) -> None: ...",
        "def fit(a, b=None, c=None, alphas=11): ...",
        "# -*- coding: latin-1 -*-\n# \xe9\ndef fit(a, b, c, alphas=11): ...".encode("latin-1"),
        "if True:\n    pass\n" + "elif x:\n    pass\n" * 500 + "def fit(a, b, c, alphas=11): ...",
        "pattern = '\\d'\ndef fit(a, b, c, alphas=11): ...",
    ],
)
def test_a_fit_that_can_be_read(train: str | bytes) -> None:
    assert read_hyperparameters(files_with(train)) == {"alphas": 11}


def test_values_have_the_types_of_the_defaults() -> None:
    values = choose_values(DEFAULTS, ["alphas=3", "alpha_max=7", "kind=b=c", "scaled=FALSE"])
    assert values == {"alphas": 3, "alpha_max": 7.0, "kind": "b=c", "scaled": False}
    assert [type(value) for value in values.values()] == [int, float, str, bool]
    assert choose_values(DEFAULTS, ["alphas=1e2"]) == {"alphas": 100}
    assert choose_values(DEFAULTS, []) == {}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["alpha_max"], "--set alpha_max: expected NAME=VALUE, such as alpha_max="),
        (["=3"], "--set =3: expected NAME=VALUE, such as alphas="),
        (["aplhas=3"], "--set aplhas: fit() has no such hyperparameter; did you mean alphas?"),
        (["zzz=3"], "--set zzz: fit() has no such hyperparameter; it has alphas, alpha_max, kind,"),
        (["alphas=3", "alphas=4"], "--set alphas appears twice"),
        (["alphas=2.5"], "--set alphas: '2.5' is not an integer"),
        (["alphas=many"], "--set alphas: 'many' is not an integer"),
        (["alpha_max=nan"], "--set alpha_max: 'nan' is not a number"),
        (["scaled=1"], "--set scaled: '1' is not true or false"),
        (["kind=a\nb"], "is not a string of at most 200 characters"),
        (["kind=" + "a" * 201], "is not a string of at most 200 characters"),
        (["early=3"], "--set early: the default of early in fit() determines its type: make it a literal number"),
        (["x=3"], "--set x: SageMaker passes a one-letter name as -x, which train.py ignores; rename it"),
    ],
)
def test_an_invalid_value_is_rejected(options: list[str], expected: str) -> None:
    assert expected in reason(choose_values, DEFAULTS, options)


@given(st.sampled_from(["alphas", "alpha_max", "scaled", "kind"]), st.text())
def test_any_string_is_a_value_or_rejected_in_one_line(name: str, string: str) -> None:
    try:
        [value] = choose_values(DEFAULTS, [f"{name}={string}"]).values()
    except ValueError as error:
        message = str(error)
        assert len(message.splitlines()) == 1
    else:
        assert type(value) is type(DEFAULTS[name])


TABLE = """
[tool.recore.tune]
jobs = 12
parallel = 3
[tool.recore.tune.ranges]
alpha_max = { from = 1e3, to = 1_000_000, scale = "log" }
alphas = { from = 3, to = 8 }
kind = ["a", "b"]
scaled = [true, false]
"""
REQUEST = {
    "ContinuousParameterRanges": [
        {"Name": "alpha_max", "MinValue": "1000.0", "MaxValue": "1000000.0", "ScalingType": "Logarithmic"}
    ],
    "IntegerParameterRanges": [{"Name": "alphas", "MinValue": "3", "MaxValue": "8", "ScalingType": "Linear"}],
    "CategoricalParameterRanges": [
        {"Name": "kind", "Values": ['"a"', '"b"']},
        {"Name": "scaled", "Values": ["true", "false"]},
    ],
}


def test_a_table_and_equal_options_give_the_same_plan(tmp_path: Path) -> None:
    by_table = read_plan(submission(tmp_path / "table", TABLE), [], None, None)
    options = ["alpha_max=1e3..1e6:log", "alphas=3..8", "kind=a,b", "scaled=true,false"]
    by_options = read_plan(submission(tmp_path / "options"), options, 12, 3)
    assert by_table == by_options
    assert by_table.request == REQUEST
    assert (by_table.jobs, by_table.parallel) == (12, 3)
    assert "; ".join(map(str, by_table.ranges)) == (
        "alpha_max 1000..1000000, log; alphas 3..8; kind a|b; scaled True|False"
    )


def test_options_replace_the_ranges_of_the_table(tmp_path: Path) -> None:
    table = TABLE.replace("from = 3, to = 8", "from = 8, to = 3")
    plan = read_plan(submission(tmp_path, table), ["alphas=2,4", "alpha_max=1..2"], 2, None)
    assert plan.request["CategoricalParameterRanges"][0] == {"Name": "alphas", "Values": ["2", "4"]}
    assert plan.request["ContinuousParameterRanges"][0]["ScalingType"] == "Linear"
    assert (plan.jobs, plan.parallel) == (2, 2)


def test_an_archive_has_no_table(tmp_path: Path) -> None:
    files = submission(tmp_path / "folder", TABLE)
    (tmp_path / "src.tar.gz").write_bytes(files.archive)
    archive = read_submission(tmp_path / "src.tar.gz")
    line = reason(read_plan, archive, [], None, None)
    names = "alphas, alpha_max, kind, scaled, x"
    assert line == f"no hyperparameter has a range: pass --range NAME=FROM..TO; fit() has {names}"
    assert read_plan(archive, ["alphas=1..2"], None, None).jobs == 10


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", "no hyperparameter has a range: write [tool.recore.tune.ranges] in {file}, or pass --range"),
        ("alhpas = [1, 2]", "{location} alhpas: fit() has no such hyperparameter; did you mean alphas?"),
        ("alphas = 3", "{location} alphas: expected {{ from = LOW, to = HIGH }} or a list of values"),
        ("alphas = { from = 3 }", "{location} alphas: expected {{ from = LOW, to = HIGH }} or a list"),
        ("alphas = { from = 3, to = 3 }", "{location} alphas: the lower end, 3, is not less than the upper end, 3"),
        ("alphas = { from = 3, to = 8.5 }", "{location} alphas: to: 8.5 is not an integer"),
        ("alphas = { from = true, to = 8 }", "{location} alphas: from: True is not an integer"),
        ("alpha_max = { from = 0, to = inf }", "{location} alpha_max: to: inf is not a number"),
        ("alpha_max = { from = 0, to = 9, scale = 'log' }", "{location} alpha_max: the lower end, 0, must be positive"),
        (
            "alpha_max = { from = 1, to = 9, scale = 'ln' }",
            "{location} alpha_max: the scale 'ln' is neither linear nor",
        ),
        ("alpha_max = { from = 1, to = 9, scale = [] }", "the scale [] is neither linear nor log"),
        ("alpha_max = { from = 1, to = 9, sclae = 'log' }", "{location} alpha_max: sclae: did you mean scale?"),
        ("kind = { from = 1, to = 2 }", "{location} kind: kind is a string, so a list of values is needed"),
        ("scaled = { from = 1, to = 2 }", "{location} scaled: scaled is true or false, so a list of values is needed"),
        ("kind = ['a']", "{location} kind: expected 2 to 30 different values"),
        ("kind = ['a', 1]", "{location} kind: 1 is not a string of at most 200 characters"),
        ("alphas = [1.0, 1]", "{location} alphas: expected 2 to 30 different values"),
        ("scaled = [1, 2]", "{location} scaled: 1 is not true or false"),
        ("x = [1, 2]", "{location} x: SageMaker passes a one-letter name as -x"),
        ("alphas = 3\nalphas = 4", "{file} is not valid TOML: "),
        ("alphas = " + "[" * 5000, "{file} is not valid TOML: "),
        ("alphas = " + "9" * 5000, "{file} is not valid TOML: "),
    ],
)
def test_an_invalid_table_is_rejected(line: str, expected: str, tmp_path: Path) -> None:
    files = submission(tmp_path, f"[tool.recore.tune.ranges]\n{line}\n")
    file = tmp_path / "pyproject.toml"
    location = f"{file}: [tool.recore.tune.ranges]"
    assert expected.format(file=file, location=location) in reason(read_plan, files, [], None, None)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("[tool.recore.tune]\njobs = 0", "[tool.recore.tune] jobs is not an integer from 1 to 750"),
        ("[tool.recore.tune]\nparalel = 2", "[tool.recore.tune] paralel: did you mean parallel?"),
        ("[tool.recore.tune]\nzzz = 2", "zzz: unknown key; the keys are ranges, jobs, parallel"),
        ("[tool.recore.tune]\nranges = 2", "[tool.recore.tune] and [tool.recore.tune.ranges] must be tables"),
        ("[tool]\nrecore = 2", "[tool.recore.tune] and [tool.recore.tune.ranges] must be tables"),
        ("tool = [1]", "[tool.recore.tune] and [tool.recore.tune.ranges] must be tables"),
        ("#" * (1 << 20), "is larger than 1 MB"),
    ],
)
def test_an_invalid_file_is_rejected(table: str, expected: str, tmp_path: Path) -> None:
    message = reason(read_plan, submission(tmp_path, table + "\n"), ["alphas=1..2"], None, None)
    assert message.startswith(str(tmp_path / "pyproject.toml"))
    assert expected in message


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("alphas", "--range alphas: expected NAME=FROM..TO, NAME=FROM..TO:log or NAME=VALUE,VALUE"),
        ("alhpas=1..2", "--range alhpas: fit() has no such hyperparameter; did you mean alphas?"),
        ("alphas=1..", "--range alphas: to: '' is not an integer"),
        ("alpha_max=1..2:", "--range alpha_max: the scale '' is neither linear nor log"),
    ],
)
def test_an_invalid_option_is_rejected(option: str, expected: str, tmp_path: Path) -> None:
    assert expected in reason(read_plan, submission(tmp_path), [option], None, None)


def test_a_fit_without_hyperparameters_has_nothing_to_tune() -> None:
    files = files_with("def fit(inputs, targets, holes, early=None): ...")
    assert reason(read_plan, files, [], None, None) == (
        "theirs: fit() in train.py has no hyperparameter to tune: add a parameter with a default"
    )


@given(st.text(alphabet="alphs_=.,:0123456789e-lognif", max_size=30))
def test_any_option_is_a_range_or_rejected_in_one_line(option: str) -> None:
    try:
        plan = read_plan(files_with(FIT), [f"alphas={option}"], None, None)
    except ValueError as error:
        message = str(error)
        assert len(message.splitlines()) == 1
    else:
        assert len(plan.ranges) == 1
