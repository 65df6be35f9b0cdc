"""Validate: its numbers computed again another way, odd data and odd submissions, its page in a browser."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from support.browser import assert_usable, open_report
from support.checkout import ROOT, copy_scripts
from support.data_files import write_csv

import score
from preprocess import preprocess
from recore.dataset.sample import Plan, make_sample
from recore.report.page.content import Page
from recore.report.page.page_files import write_page
from recore.report.validate import baselines
from recore.report.validate.plan import plan_of, thinned
from recore.report.validate.scoring import r2_by_target
from recore.report.validate.study import Settings
from recore.report.validate.submission_report import validate
from recore.report.validate.workers import SubmissionError

IDS = ["SiteID", "DepthFrom", "DepthTo"]
TARGETS = list(score.TARGETS)
WEIGHTS = np.array(score.WEIGHTS)
HOSTILE = "</script><script>document.title='broken'</script><img src=x>"
# A submission of another make: a linear model, no clip, no second result
OTHER = """
import numpy as np
from sklearn.linear_model import Ridge


def fit(inputs, targets, holes, alpha_min=0.001, alpha_max=10.0, alphas=3):
    tried = np.geomspace(alpha_min, alpha_max, alphas)
    return Ridge(tried[len(tried) // 2]).fit(inputs, targets.fillna(targets.mean()).fillna(0))
"""
ALPHA = 0.1  # the middle of its strengths


@pytest.fixture(scope="module")
def small(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data file of 160 rows, 7 holes and 147 channels; in one hole there is no tin."""
    data = pd.read_csv(sample / "public/public.csv.gz", index_col=0, float_precision="round_trip")
    spectra = [name for name in data if name not in TARGETS and name not in IDS]
    data = data.iloc[np.linspace(0, len(data) - 1, 160).astype(int)].drop(columns=spectra[147:])
    data[TARGETS] = data[TARGETS].fillna(data[TARGETS].mean())  # scattered gaps would make fits slow
    data.loc[data["SiteID"] == data["SiteID"].iloc[0], "SnPPM"] = np.nan
    return write_csv(tmp_path_factory.mktemp("validated") / "public.csv.gz", data)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a submission with the template's preprocess.py and a train.py of its own."""
    folder = copy_scripts(tmp_path_factory.mktemp("other"), "preprocess.py")
    (folder / "train.py").write_text(OTHER)
    return folder


@pytest.fixture(scope="module")
def numbers(small: Path, other: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder beside the report of the other submission."""
    out = tmp_path_factory.mktemp("reports") / "r.html"
    write_page(validate(other, small, Settings(repeats=2, minutes=10)), out)
    return out.with_suffix("")


def test_scores_are_those_of_the_predictions(numbers: Path, small: Path) -> None:
    made = pd.read_csv(numbers / "predicted.csv", float_precision="round_trip")
    data = pd.read_csv(small, index_col=0, float_precision="round_trip")
    assert made["index"].astype(int).tolist() == data.index.tolist()
    points = 0.0
    ladder = pd.read_csv(numbers / "ladder.csv").set_index(["method", "held out"])
    for name, weight in zip(TARGETS, WEIGHTS, strict=True):
        np.testing.assert_array_equal(made[f"{name} measured"], data[name])
        both = made[[f"{name} measured", f"{name} predicted"]].dropna()
        points += weight * r2_score(*both.to_numpy().T)
    assert ladder["score"]["this submission", "held-out holes"] == pytest.approx(points, abs=1e-12)
    seeds = pd.read_csv(numbers / "repeats.csv")
    by_hole = seeds[seeds["held out"] == "held-out holes"]["score"]
    assert by_hole.iloc[0] == pytest.approx(points, abs=1e-12)
    assert ladder["sd"]["this submission", "held-out holes"] == pytest.approx(by_hole.std())
    findings = {one["name"]: one for one in json.loads((numbers / "contents.json").read_text())["findings"]}
    assert findings["score"]["values"]["scores"] == pytest.approx(by_hole.tolist())
    by_row = seeds[seeds["held out"] == "held-out rows"]["score"]
    assert findings["leak"]["values"]["gap"] == pytest.approx(by_row.mean() - by_hole.mean())


def test_the_templates_predictions_are_of_holes_that_were_held_out(small: Path) -> None:
    """Its fit called here, as train.py calls it, on the same folds; and without time there is this, and the rest is told."""
    import train
    from fitting import fit_model

    page = validate(ROOT, small, Settings(repeats=2, minutes=0))
    made = item(page, "predicted")[[f"{name} predicted" for name in TARGETS]].to_numpy()
    inputs, targets, holes = preprocess(small, return_holes=True)
    training, held = next(iter(GroupKFold(5, shuffle=True, random_state=0).split(inputs, groups=holes.astype(str))))
    assert not set(holes[training]) & set(holes[held])
    model, _ = fit_model(train.fit, inputs.iloc[training], targets.iloc[training], holes[training], {})
    np.testing.assert_allclose(made[held], model.predict(inputs.iloc[held]), rtol=1e-6, atol=1e-6)
    assert "strengths" in next(one.text for one in page.findings if one.name == "time")
    assert len(item(page, "repeats")) == 2
    assert {section.name for section in page.sections if not section.items} == {"strengths", "learning"}


def test_targets_and_shares(numbers: Path) -> None:
    table = pd.read_csv(numbers / "targets.csv").set_index("target")
    assert sorted(table.index) == sorted(TARGETS)
    np.testing.assert_allclose(table["weight"][TARGETS], WEIGHTS)
    np.testing.assert_allclose(table["brings"], table["weight"] * table["R2 held-out holes"])
    np.testing.assert_allclose(table["could gain"], table["weight"] * (1 - table["R2 held-out holes"]))
    np.testing.assert_allclose(table["gap"], table["R2 held-out rows"] - table["R2 held-out holes"])
    assert table["could gain"].is_monotonic_decreasing
    seeds = pd.read_csv(numbers / "repeats.csv").groupby("held out")["score"].mean()
    assert table["brings"].sum() == pytest.approx(seeds["held-out holes"])
    shares = pd.read_csv(numbers / "shares.csv")
    np.testing.assert_allclose(shares["brings"] + shares["could gain"], shares["weight"])


def test_residuals(numbers: Path) -> None:
    made = pd.read_csv(numbers / "predicted.csv")
    left = (made["CuPPM measured"] - made["CuPPM predicted"]) / made["CuPPM measured"].std(ddof=0)
    table = pd.read_csv(numbers / "residuals-by-hole.csv")
    own = table[table["target"] == "CuPPM"].set_index("SiteID")["mean residual"]
    pd.testing.assert_series_equal(own, left.groupby(made["SiteID"], sort=False).mean(), check_names=False)
    by_depth = pd.read_csv(numbers / "residuals-by-depth.csv")
    order = ((made["DepthFrom"] + made["DepthTo"]) / 2).argsort(kind="stable")
    first = order[: by_depth["rows"].iloc[0]]
    assert by_depth["CuPPM"].iloc[0] == pytest.approx(left.iloc[first].median())
    assert by_depth["rows"].sum() == len(made)


def test_baselines_on_the_same_folds(numbers: Path, small: Path) -> None:
    """The mean and the one band, fold after fold, by correlations and polynomials."""
    data = pd.read_csv(small, index_col=0, float_precision="round_trip")
    spectra = data.drop(columns=[*TARGETS, *IDS]).to_numpy()
    over = spectra / spectra[:, : 147 - round(147 * 300 / 1700)].max(axis=1, keepdims=True)
    bins = over.reshape(len(over), 21, 7).mean(axis=2)
    folds = list(GroupKFold(5, shuffle=True, random_state=0).split(bins, groups=data["SiteID"].astype(str)))
    mean, band = (pd.DataFrame(np.nan, data.index, TARGETS) for _ in range(2))
    for training, held in folds:
        for name in TARGETS:
            own = data[name].iloc[training].notna().to_numpy()
            x, y = bins[training][own], data[name].iloc[training][own].to_numpy()
            mean.loc[data.index[held], name] = y.mean()
            best = np.argmax([np.corrcoef(x[:, place], y)[0, 1] ** 2 for place in range(21)])
            band.loc[data.index[held], name] = np.polyval(np.polyfit(x[:, best], y, 1), bins[held, best])
    ladder = pd.read_csv(numbers / "ladder.csv").set_index(["method", "held out"])["score"]
    for method, predicted in (("mean", mean), ("one band", band)):
        expected = score.score(data, predicted)[0]
        assert ladder[method, "held-out holes"] == pytest.approx(expected, rel=1e-6), method


def test_strength_curves(numbers: Path, small: Path) -> None:
    table = pd.read_csv(numbers / "strengths-by-target.csv").set_index(["held out", "strength"])
    assert len(table) == 22
    np.testing.assert_allclose(table[TARGETS].fillna(0) @ WEIGHTS, table["score"])
    inputs, targets = preprocess(small)
    holes = pd.read_csv(small, usecols=["SiteID"])["SiteID"]
    for strength, made in table.loc["held-out holes"]["KPPM"].iloc[[0, 5, 10]].items():
        folds = GroupKFold(5, shuffle=True, random_state=0)
        predicted = cross_val_predict(Ridge(strength), inputs, targets["KPPM"], groups=holes, cv=folds)
        assert made == pytest.approx(r2_score(targets["KPPM"], predicted), rel=1e-6)


def test_learning_curve(numbers: Path) -> None:
    table = pd.read_csv(numbers / "learning.csv")
    assert table["holes"].is_monotonic_increasing
    assert len(table) >= 3
    np.testing.assert_allclose(table[TARGETS].fillna(0) @ WEIGHTS, table["score"])
    ladder = pd.read_csv(numbers / "ladder.csv").set_index(["method", "held out"])["score"]
    assert table["score"].iloc[-1] == pytest.approx(ladder["this submission", "held-out holes"])


def test_a_linear_models_sensitivity_is_its_coefficients(numbers: Path, small: Path) -> None:
    inputs, targets = preprocess(small)
    model = Ridge(ALPHA).fit(inputs, targets.fillna(targets.mean()))
    made = pd.read_csv(numbers / "sensitivity.csv")
    assert made["input"].tolist() == inputs.columns.tolist()
    expected = model.coef_ * inputs.std(ddof=0).to_numpy()
    for place in (0, 7, 36):
        own = expected[place]
        np.testing.assert_allclose(made[TARGETS[place]], own, rtol=1e-4, atol=1e-6 * abs(own).max())
    first = [float(end) for end in inputs.columns[0].split("_")[1:]]
    assert made["wavenumber"].iloc[0] == pytest.approx(np.mean(first))


def test_patterns_are_correlations(numbers: Path, small: Path) -> None:
    inputs, _ = preprocess(small)
    predicted = pd.read_csv(numbers / "predicted.csv")["CuPPM predicted"].to_numpy()
    places = [0, inputs.shape[1] // 2, inputs.shape[1] - 1]
    expected = [np.corrcoef(predicted, inputs.iloc[:, place])[0, 1] for place in places]
    np.testing.assert_allclose(pd.read_csv(numbers / "patterns.csv")["CuPPM"].iloc[places], expected, rtol=1e-6)


# ---- other submissions ---------------------------------------------------------------------------------------


def item(page: Page, name: str) -> pd.DataFrame:
    return next(one.numbers for one in page.items if one.name == name)


@pytest.mark.slow
def test_a_submission_without_strengths_has_no_curve(tmp_path: Path, other: Path, small: Path) -> None:
    shutil.copytree(other, tmp_path / "s")
    (tmp_path / "s/train.py").write_text(OTHER.replace("alpha_m", "strength_m"))
    page = validate(tmp_path / "s", small, Settings(repeats=1, minutes=10))
    section = next(section for section in page.sections if section.name == "strengths")
    assert section.items == ()
    assert "no hyperparameters alpha_min and alpha_max" in section.note


def test_nothing_is_left_in_a_submissions_folder(numbers: Path, other: Path) -> None:
    facts = json.loads((numbers / "contents.json").read_text())["facts"]
    assert facts["submission"] == str(other)
    assert {path.name for path in other.iterdir()} == {"preprocess.py", "train.py"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda text: text.replace("return Ridge", "return unknown"),
            "NameError: name 'unknown' is not defined (train.py, line 8, in fit)",
        ),
        (lambda text: text.replace("alphas=3):", "*, depth):"), "'depth' needs a default"),
        (lambda text: text.replace("def fit(", "def fitted("), "no function fit()"),
        (lambda text: text.replace("targets.fillna", "targets[['CuPPM']].fillna"), "gives the shape (100,)"),
        (lambda text: text.replace("def fit(", "import nothing_of_this_name\n\ndef fit("), "ModuleNotFoundError"),
        (lambda text: text.replace("return Ridge", "import os; os._exit(3)\n    return Ridge"), "ended with status 3"),
        (lambda text: text.replace("return Ridge", "import sys; sys.exit('no')\n    return Ridge"), "SystemExit: no"),
        (lambda text: f"{text}\n)", "SyntaxError"),
    ],
)
def test_a_submission_that_fails_is_one_line(
    tmp_path: Path, other: Path, small: Path, change: Callable[[str], str], words: str
) -> None:
    shutil.copytree(other, tmp_path / "s")
    (tmp_path / "s/train.py").write_text(change(OTHER))
    with pytest.raises(SubmissionError) as raised:
        validate(tmp_path / "s", small)
    assert words in str(raised.value)


@pytest.mark.slow
def test_what_a_submission_prints_is_not_taken_for_answers(tmp_path: Path, other: Path, small: Path) -> None:
    shutil.copytree(other, tmp_path / "s")
    (tmp_path / "s/train.py").write_text(OTHER.replace("return Ridge", "print('{}'); return Ridge"))
    assert validate(tmp_path / "s", small, Settings(repeats=1)).findings


# ---- odd data ------------------------------------------------------------------------------------------------


@pytest.fixture
def looked(tmp_path: Path, small: Path, other: Path) -> Callable[..., Page]:
    """Validate the other submission on a changed copy of the data, and write its page."""
    data = pd.read_csv(small, index_col=0)

    def look(change: Callable[[pd.DataFrame], pd.DataFrame], settings: Settings | None = None) -> Page:
        path = write_csv(tmp_path / "f.csv.gz", change(data.copy()))
        page = validate(other, path, settings or Settings(repeats=1, minutes=10))
        write_page(page, tmp_path / "f.html")
        return page

    return look


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "name", "level", "words"),
    [
        (lambda data: data.assign(SiteID="one"), "one hole", "bad", "one hole only"),
        (lambda data: data.iloc[::20], "few rows", "note", "8 rows"),
        (lambda data: data.assign(CuPPM=7.0), "constant", "bad", "CuPPM"),
        (lambda data: data.drop(columns=TARGETS[1:]), "not measured", "note", "48 of 49"),
        (lambda data: data.assign(**dict.fromkeys(TARGETS[1:], 3.0)), "constant", "bad", "48 targets"),
        (lambda data: data.assign(**dict.fromkeys(TARGETS, 3.0)), "constant", "bad", "49 targets"),
        (
            lambda data: data.assign(CuPPM=data["CuPPM"].where(data.index == data.index[0])),
            "seldom measured",
            "note",
            "CuPPM",
        ),
        (lambda data: data.assign(DepthFrom=np.nan), "score", "note", "of 1.01 possible"),
        (lambda data: data.assign(SiteID=data["SiteID"] + HOSTILE), "score", "note", "of 1.01 possible"),
    ],
)
def test_odd_data_are_told(
    looked: Callable[..., Page], change: Callable[[pd.DataFrame], pd.DataFrame], name: str, level: str, words: str
) -> None:
    found = [one.text for one in looked(change).findings if (one.name, one.level) == (name, level)]
    assert words in " ".join(found), found


@pytest.mark.slow
@pytest.mark.parametrize("rows", [2, 3])
def test_few_rows_are_no_trouble(looked: Callable[..., Page], rows: int) -> None:
    assert looked(lambda data: data.iloc[np.linspace(0, len(data) - 1, rows).astype(int)]).findings


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data.drop(columns=TARGETS), "not one assay"),
        (lambda data: data.iloc[:1], "one row"),
        (lambda data: data.drop(columns="SiteID"), "SiteID"),
        (lambda data: data.assign(CuPPM="n.d."), "no number"),
        (lambda data: data.assign(CuPPM=np.inf), "infinite"),
    ],
)
def test_what_cannot_be_validated_is_one_line(
    looked: Callable[..., Page], change: Callable[[pd.DataFrame], pd.DataFrame], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        looked(change)


# ---- parts ---------------------------------------------------------------------------------------------------


def test_thinning_keeps_every_hole() -> None:
    holes = np.repeat([f"H{number}" for number in range(10)], [5, 500, 500, 20, 500, 500, 500, 500, 500, 500])
    kept = thinned(holes, 800)
    counts = pd.Series(holes[kept]).value_counts()
    assert 780 <= len(kept) <= 800
    assert counts["H0"] == 5
    assert counts["H3"] == 20
    assert counts.drop(["H0", "H3"]).nunique() == 1
    assert (np.diff(kept) > 0).all()
    assert thinned(holes, 10_000).tolist() == list(range(len(holes)))
    many = np.array([f"H{number}" for number in range(1000)])
    assert 400 <= len(thinned(many, 500)) <= 500


def test_the_plan_holds_out_each_row_once_and_never_its_hole() -> None:
    holes = np.repeat([f"H{number}" for number in range(7)], 6).astype(object)
    groups: dict[Any, list[Any]] = {}
    for task in (task for stage in plan_of(holes, [1e-5, 1.0, 1e5], 2, 0) for task in stage):
        groups.setdefault(task.group, []).append(task)
        assert not set(task.training) & set(task.held)
        assert task.group.way == "rows" or not set(holes[task.training]) & set(holes[task.held])
        assert task.group.what != "learning" or len(set(holes[task.training])) == task.group.detail
    assert {group.what for group in groups} == {"nested", "strength", "learning"}
    for tasks in groups.values():
        assert sorted(np.concatenate([task.held for task in tasks])) == list(range(len(holes)))


def test_r2_is_the_hosts() -> None:
    random = np.random.default_rng(0)
    actual = pd.DataFrame(random.random((30, len(TARGETS))), columns=TARGETS)
    actual.iloc[:, 0], actual.iloc[1:, 1] = 0.1, np.nan
    predicted = pd.DataFrame(random.random((30, len(TARGETS))))
    expected = score.score(actual, predicted)[1]
    expected[0] = 0.0  # a constant whose mean is another number in the last digit
    np.testing.assert_allclose(r2_by_target(actual.to_numpy(), predicted.to_numpy()), expected, rtol=1e-12)


def test_the_path_of_pls_is_that_of_its_fits() -> None:
    from sklearn.cross_decomposition import PLSRegression

    random = np.random.default_rng(0)
    x, y = random.normal(size=(40, 8)), random.normal(size=(40, 3))
    y[:, 0] += x[:, 0]
    path = baselines.path(x, y, x[:5])
    for number in (1, 3, 6):
        scaled = (y - y.mean(axis=0)) / y.std(axis=0)
        expected = PLSRegression(number, scale=False).fit(x, scaled).predict(x[:5]) * y.std(axis=0) + y.mean(axis=0)
        np.testing.assert_allclose(path[number], expected, rtol=1e-6, atol=1e-8)


def test_scattered_gaps_are_filled_for_baselines_and_blocks_are_not() -> None:
    y = np.random.default_rng(0).random((20, 12))
    y[:10, :4] = np.nan
    parts = list(baselines.together(y))
    assert sorted(len(rows) for rows, _, _ in parts) == [10, 20]
    y[np.arange(12), np.arange(12)] = np.nan
    ((rows, columns, filled),) = baselines.together(y)
    assert (len(rows), len(columns)) == y.shape
    assert filled[0, 11] == y[0, 11]
    assert filled[0, 0] == pytest.approx(np.nanmean(y[:, 0]))


@pytest.mark.slow
def test_the_command(tmp_path: Path, small: Path, other: Path) -> None:
    from test_cli import recore

    out = tmp_path / "validated.html"
    done = recore("validate", other, "--public", small, "--repeats", 1, "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == f"validate: {out}, its numbers in {tmp_path / 'validated'}"
    assert all(line[:6].strip() in {"bad", "note", "good"} for line in done.stdout.splitlines()[:-1])
    (tmp_path / "s").mkdir()
    with pytest.raises(ValueError, match=r"no preprocess\.py there"):
        validate(tmp_path / "s", small)
    shutil.copy(other / "preprocess.py", tmp_path / "s")
    (tmp_path / "s/train.py").write_text(OTHER.replace("return Ridge", "return unknown"))
    done = recore("validate", tmp_path / "s", "--public", small, "--out", out, "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "recore: NameError: name 'unknown' is not defined (train.py, line 8, in fit)\n"


# ---- in a browser --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("data", ["sample", "yamsys", "hostile"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_in_a_browser(
    chromium: Any, tmp_path: Path, small: Path, other: Path, data: str, scheme: str
) -> None:
    if data == "yamsys" and "RECORE_YAMSYS" not in os.environ:
        pytest.skip("RECORE_YAMSYS does not name the folder of the YAMSYS soils")
    path = Path(os.environ["RECORE_YAMSYS"], "public.csv.gz") if data == "yamsys" else small
    if data == "hostile":
        frame = pd.read_csv(small, index_col=0)
        path = write_csv(tmp_path / "h.csv.gz", frame.assign(SiteID=frame["SiteID"] + HOSTILE))
    page = validate(other if data == "hostile" else ROOT, path, Settings(minutes=10))
    write_page(page, tmp_path / "r.html")
    with open_report(chromium, tmp_path / "r.html", scheme) as report:
        assert_usable(report, tmp_path / "r.html", "Validate", ("ladder", "r2", "shares", "sensitivity"))


@pytest.mark.slow
def test_a_large_file_within_a_minute_a_processor_and_10_MB(tmp_path: Path) -> None:
    """What is done within --minutes depends on the machine; all of it, on two processors, must not take much longer."""
    make_sample(tmp_path, Plan(rows=28_000, holes=100, channels=1700, missing=0))
    before, started = os.times(), time.monotonic()
    page = validate(ROOT, tmp_path / "public/public.csv.gz", Settings(minutes=1))
    write_page(page, tmp_path / "r.html")
    after = os.times()
    used = sum(
        getattr(after, name) - getattr(before, name) for name in ("user", "system", "children_user", "children_system")
    )
    assert used < 120, f"{used:.0f} s of processor time, {time.monotonic() - started:.0f} s on the clock"
    assert page.facts["rows used"].startswith("2,")
    assert (tmp_path / "r.html").stat().st_size < 10_000_000


def test_docs_have_a_picture() -> None:
    assert (ROOT / "docs/reports-validate.png").stat().st_size < 300_000
