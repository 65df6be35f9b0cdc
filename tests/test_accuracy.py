"""The benchmark of accuracy: its folds, its score and its bootstrap against other computations, its methods, its errors."""

import json
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.kernel_ridge import KernelRidge
from support.checkout import ROOT, run
from support.data_files import write_csv

from benchmarks import accuracy
from benchmarks.comparison import data as comparison_data
from benchmarks.comparison import folds, methods, ours, scoring, tuning
from preprocess import TARGETS
from score import WEIGHTS

COMMAND = ROOT / "benchmarks/accuracy.py"
MEASURED = ("CuPPM", "FePCT", "AlPPM")
PRIVATE = 15  # rows


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """60 rows of four holes: 320 channels, three targets that they tell of, some assays missing, iron in one hole only."""
    random = np.random.default_rng(3)
    channels = [f"{wavenumber:.1f}" for wavenumber in np.linspace(3990, 500, 320)]
    peaks = np.exp(-((np.arange(320) - np.array([[40], [120], [260], [10]])) ** 2) / 200)
    amounts = np.column_stack(
        [random.gamma(3, 1, (60, 3)), np.full(60, 50)]
    )  # the last, the tallest peak, is no target
    spectra = 1 + amounts @ peaks + 0.01 * random.normal(size=(60, 320))
    holes = np.repeat(["a", "b", "c", "d"], 15)
    data = pd.DataFrame(
        {"SiteID": holes, "DepthFrom": 0.0, "DepthTo": 1.0} | dict(zip(channels, spectra.T, strict=True))
    )
    for name, amount in zip(MEASURED, amounts.T[:3], strict=True):
        data[name] = 100 * amount + 5 * random.normal(size=60)
    data.loc[random.choice(60, 9, replace=False), "CuPPM"] = np.nan
    data.loc[holes != "b", "FePCT"] = np.nan
    return data.rename_axis("index")


@pytest.fixture(scope="module")
def files(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The frame as public, private and actual files; hole d is private."""
    folder, assays = tmp_path_factory.mktemp("accuracy"), list(MEASURED)
    public, private = frame[:-PRIVATE], frame[-PRIVATE:]
    parts = {"public.csv.gz": public, "private.csv.gz": private.drop(columns=assays), "actual.csv.gz": private[assays]}
    return [write_csv(folder / name, part) for name, part in parts.items()]


@pytest.fixture(scope="module")
def data(files: list[Path]) -> comparison_data.Data:
    return comparison_data.read(*files)


def options(files: list[Path]) -> list[object]:
    return [word for pair in zip(("--public", "--private", "--actual"), files, strict=True) for word in pair]


@pytest.mark.slow
def test_the_command_prints_what_it_writes(files: list[Path], tmp_path: Path) -> None:
    written = tmp_path / "numbers.json"
    models = ("--models", "ours,mean,randomnumbers,pls")
    done = run(COMMAND, *options(files), "--repeats", 2, "--targets", *models, "--json", written, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    result = json.loads(written.read_text())
    assert (result["rows"], result["private_rows"], result["sites"], result["channels"]) == (60, PRIVATE, 4, 320)
    assert [column["name"] for column in result["columns"]] == ["by site", "shuffled", "public to private"]
    by_site, shuffled, to_private = (column["methods"] for column in result["columns"])
    assert list(by_site) == ["ours", "mean", "randomnumbers", "pls"]
    for name in by_site:
        deviation = f" +- {np.std(shuffled[name]['scores'], ddof=1):.3f}"
        assert f"| {name} | {by_site[name]['score']:.3f} | {shuffled[name]['score']:.3f}{deviation} |" in done.stdout
        assert to_private[name]["score"] == to_private[name]["scores"][0]
        if name != "ours":
            found = to_private[name]["ours_minus_this"]
            assert found["difference"] == pytest.approx(to_private["ours"]["score"] - to_private[name]["score"])
            assert f"{found['difference']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}] |" in done.stdout
    assert shuffled["pls"]["score"] > 0.8 > 0.1 > shuffled["mean"]["score"]
    # Iron, of one hole only, is not to be learnt where that hole is held out, nor scored where it is not
    assert set(by_site["ours"]["r2"]) == {"CuPPM", "AlPPM"}
    assert f"| FePCT | {shuffled['ours']['r2']['FePCT']:.2f} |" in done.stdout


def test_some_rows_of_a_public_file_alone(
    files: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = f"accuracy.py --public {files[0]} --rows 40 --repeats 1 --models mean --jobs 1".split()
    monkeypatch.setattr("sys.argv", words)
    accuracy.main()
    printed = capsys.readouterr().out
    assert printed.startswith("40 of 45 rows, 0 of them private, of 3 sites; 320 channels, 3 targets; seed 0")
    assert "public to private" not in printed
    assert "ours" not in printed


def test_a_column_with_nothing_to_score_is_left_out(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    iron = frame.drop(columns=["CuPPM", "AlPPM"])  # of one site alone: nothing to learn it from elsewhere
    little = iron.assign(FePCT=iron["FePCT"].where(iron.index < 20))
    some, few = write_csv(tmp_path / "some.csv.gz", iron), write_csv(tmp_path / "few.csv.gz", little)
    words = ["accuracy.py", "--repeats", "1", "--models", "mean", "--jobs", "1", "--public"]
    monkeypatch.setattr("sys.argv", [*words, str(some)])
    accuracy.main()
    assert "| score | shuffled |" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", [*words, str(few)])
    with pytest.raises(ValueError, match="no target has enough measured rows"):
        accuracy.main()


def test_several_data_sets_each_with_two_groups(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written, (public, private, actual) = tmp_path / "numbers.json", files
    words = f"--data soils {public} --data core {public} {private} {actual} --groups 2 --repeats 1 --jobs 1"
    models = "--models ours,mean,randomnumbers"
    monkeypatch.setattr("sys.argv", ["accuracy.py", *words.split(), *models.split(), "--json", str(written)])
    accuracy.main()
    printed, numbers = capsys.readouterr().out, json.loads(written.read_text())
    names = ["soils", "soils, 2 groups", "core", "core, 2 groups"]
    assert [line[3:] for line in printed.splitlines() if line.startswith("## ")] == names
    results = numbers["data_sets"]
    assert [result["name"] for result in results] == names
    assert [(result["rows"], result["sites"], result["private_rows"]) for result in results] == [
        (45, 3, 0),
        (30, 2, 0),
        (60, 4, PRIVATE),
        (30, 2, 0),
    ]
    assert [len(result["columns"]) for result in results] == [2, 2, 3, 2]
    methods_of = [column["methods"] for result in results for column in result["columns"]]
    means = {name: np.mean([column[name]["score"] for column in methods_of]) for name in methods_of[0]}
    best = numbers["best_peer"]
    assert (best["columns"], best["means"]) == (9, pytest.approx(means))
    assert best["name"] == "randomnumbers"
    found = best["ours_minus_this"]
    assert found["difference"] == pytest.approx(means["ours"] - means["randomnumbers"])
    assert found["low"] < found["high"]
    last = f"{found['difference']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}] |"
    assert printed.splitlines()[-1] == f"| ours minus the best single peer, randomnumbers | {last}"


def test_the_largest_groups_are_public_ones(data: comparison_data.Data) -> None:
    sites = np.array(["d"] * 5 + ["a"] * 11 + ["c"] * 19 + ["b"] * 10 + ["p"] * PRIVATE)
    largest = replace(data, sites=sites).with_largest_groups(2)
    assert largest.sites.tolist() == ["a"] * 11 + ["c"] * 19
    assert not largest.private.any()
    with pytest.raises(ValueError, match=r"4 public groups \(SiteID\): there are no 5"):
        replace(data, sites=sites).with_largest_groups(5)
    with pytest.raises(ValueError, match="15 rows in the 2 largest groups; 20 or more"):
        replace(data.take(np.r_[:5, 16:26]), sites=sites[np.r_[:5, 16:26]]).with_largest_groups(2)


def test_the_best_peer_has_the_best_mean_over_all_columns() -> None:
    def column(**scores: float) -> dict:
        return {"methods": {name: {"score": value} for name, value in scores.items()}}

    first = {"columns": [column(ours=0.5, one=0.9, two=0.4), column(ours=0.5, one=0.0, two=0.4)]}
    second = {"columns": [column(ours=0.8, one=0.3, two=0.7)]}
    draws = [[dict.fromkeys(("ours", "one", "two"), np.zeros(10))] * columns for columns in (2, 1)]
    draws[1][0]["ours"] = np.full(10, 0.3)
    best = accuracy.best_peer([first, second], draws)
    assert best["name"] == "two"  # though the other is the best in one column, and in the first data set alone
    assert best["means"] == pytest.approx({"ours": 0.6, "one": 0.4, "two": 0.5})
    assert best["ours_minus_this"] == pytest.approx({"difference": 0.1, "low": 0.1, "high": 0.1})
    alone = {"columns": [column(ours=0.5)]}
    assert accuracy.best_peer([alone], [[{"ours": np.zeros(10)}]]) is None


def test_a_missing_file_is_reported_before_anything_is_fitted(files: list[Path], tmp_path: Path) -> None:
    words = ["--data", "soils", files[0], "--data", "core", tmp_path / "missing.csv.gz", "--models", "mean"]
    done = run(COMMAND, *words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"accuracy.py: {tmp_path / 'missing.csv.gz'}: there is no such file\n"


def test_help_shows_an_example(tmp_path: Path) -> None:
    done = run(COMMAND, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Example:\n    python benchmarks/accuracy.py --public" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--private p.csv.gz", "--private and --actual go together"),
        ("--public p.csv.gz --models ours,theirs", "no model 'theirs': there are ours, mean, randomnumbers"),
        ("--public p.csv.gz --repeats 0", "--repeats: 0: 1 or more is needed"),
        ("--public p.csv.gz --jobs two", "--jobs: invalid whole_number value: 'two'"),
        ("--public p.csv.gz --rows 0", "--rows: 0: 20 or more is needed"),
        ("--public p.csv.gz --groups 1", "--groups: 1: 2 or more is needed"),
        ("--data soils", "--data takes NAME PUBLIC or NAME PUBLIC PRIVATE ACTUAL"),
        ("--data soils p.csv.gz q.csv.gz", "--data takes NAME PUBLIC or NAME PUBLIC PRIVATE ACTUAL"),
        ("--data soils p.csv.gz --data soils q.csv.gz", "--data: two data sets are named 'soils'"),
        ("--public soils --data soils q.csv.gz", "--data: two data sets are named 'soils'"),
    ],
)
def test_wrong_use_is_told(
    arguments: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["accuracy.py", *arguments.split()])
    with pytest.raises(SystemExit) as ended:
        accuracy.parse()
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_bad_file_is_one_line(files: list[Path], tmp_path: Path, refused: Callable) -> None:
    written, truncated = tmp_path / "numbers.json", tmp_path / "truncated.csv.gz"
    truncated.write_bytes(files[0].read_bytes()[:5000])
    said = refused(COMMAND, "--public", truncated, "--json", written, output=written)
    assert said.startswith(f"accuracy.py: {truncated}: ")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda frame: frame.drop(columns="SiteID"), "no column 'SiteID'"),
        (lambda frame: frame[:0], "a header but no rows"),
        (lambda frame: frame.drop(columns=list(MEASURED)), "not one column of assays"),
        (lambda frame: frame.assign(**dict.fromkeys(MEASURED)), "no target was measured twice"),
        (lambda frame: frame.assign(CuPPM=np.inf), "column 'CuPPM': an infinite value"),
        (lambda frame: frame[:19], "19 rows; 20 or more"),
    ],
)
def test_bad_data_are_told(spoil: Callable, said: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said) as told:
        comparison_data.read(write_csv(tmp_path / "spoilt.csv.gz", spoil(frame)))
    assert "\n" not in str(told.value)


def test_files_that_do_not_belong_together_are_told(frame: pd.DataFrame, files: list[Path], tmp_path: Path) -> None:
    public, _, actual = files
    with pytest.raises(ValueError, match="15 rows for the 60"):
        comparison_data.read(public, write_csv(tmp_path / "more.csv.gz", frame), actual)
    with pytest.raises(ValueError, match="its channels are not those of"):
        comparison_data.read(
            public, write_csv(tmp_path / "other.csv.gz", frame.drop(columns=frame.columns[300:310])), actual
        )


def test_private_rows_follow_the_public_ones(frame: pd.DataFrame, data: comparison_data.Data) -> None:
    assert data.private.tolist() == [False] * 45 + [True] * PRIVATE
    assert data.sites.tolist() == frame["SiteID"].tolist()
    np.testing.assert_array_equal(data.spectra, frame.filter(regex=r"^\d").to_numpy())
    for name in TARGETS:
        expected = frame[name] if name in MEASURED else np.nan
        np.testing.assert_allclose(data.targets[:, TARGETS.index(name)], expected, rtol=1e-14)


# ---- Folds ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("sites", [2, 4, 10, 11, 24])
def test_by_site_no_fold_shares_a_site(sites: int, data: comparison_data.Data) -> None:
    names = np.array([f"hole {number}" for number in range(sites)])
    many = replace(data, sites=np.random.default_rng(sites).permutation(np.resize(names, len(data))))
    by_site = folds.columns_of(many, repeats=3, seed=0)[0]
    assert by_site.name == "by site"
    assert len(by_site.repeats) == (1 if sites <= 10 else 3)
    for repeat in by_site.repeats:
        assert len(repeat) == (sites if sites <= 10 else 5)
        assert sorted(np.concatenate([held for _, held in repeat])) == list(range(len(many)))
        for training, held in repeat:
            assert not set(many.sites[training]) & set(many.sites[held])
            assert len(training) + len(held) == len(many)


def test_the_other_columns(data: comparison_data.Data) -> None:
    _, shuffled, to_private = folds.columns_of(data, repeats=2, seed=0)
    assert [len(repeat) for repeat in shuffled.repeats] == [5, 5]
    for repeat in shuffled.repeats:
        assert sorted(np.concatenate([held for _, held in repeat])) == list(range(len(data)))
    assert shuffled.repeats[0][0][1].tolist() != shuffled.repeats[1][0][1].tolist()
    ((training, held),) = to_private.repeats[0]
    assert not data.private[training].any()
    assert data.private[held].all()
    one_site = replace(data, sites=np.full(len(data), "a"), private=np.zeros(len(data), bool))
    assert [column.name for column in folds.columns_of(one_site, 1, 0)] == ["shuffled"]


@pytest.mark.slow
def test_jobs_side_by_side_give_the_same(data: comparison_data.Data) -> None:
    columns, done = folds.columns_of(data, repeats=1, seed=0), []
    outcomes = [folds.run(data, columns, ["mean", "randomnumbers"], jobs, done.append) for jobs in (1, 2)]
    assert sum(done) == 2 * folds.fits_of(columns, ["mean", "randomnumbers"]) == 2 * 2 * (4 + 5 + 1)
    for name in outcomes[0]:
        for one, two in zip(outcomes[0][name].targets, outcomes[1][name].targets, strict=True):
            np.testing.assert_array_equal(one, two)
        for method, (one,) in outcomes[0][name].predicted.items():
            np.testing.assert_allclose(one, outcomes[1][name].predicted[method][0], rtol=1e-9)


# ---- Score and bootstrap --------------------------------------------------------------------------------
@pytest.fixture
def scored() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Assays with gaps (80, 49), of which some columns have none or a single one; good and bad predictions of them."""
    random = np.random.default_rng(8)
    targets = random.gamma(2, 10, (80, 49))
    good, bad = targets + random.normal(size=(80, 49)), targets + 15 * random.normal(size=(80, 49))
    targets[random.random((80, 49)) < 0.3] = np.nan
    targets[:, 30:] = np.nan
    targets[4, 40] = 1.0
    return targets, good, bad


def test_the_score_is_that_of_another_computation(scored: tuple[np.ndarray, ...]) -> None:
    targets, good, bad = scored
    for predicted in (good, bad):
        total = weights = 0.0
        for column in range(30):
            pairs = [(y, p) for y, p in zip(targets[:, column], predicted[:, column], strict=True) if y == y]
            mean = sum(y for y, _ in pairs) / len(pairs)
            r2 = 1 - sum((y - p) ** 2 for y, p in pairs) / sum((y - mean) ** 2 for y, _ in pairs)
            total, weights = total + WEIGHTS[column] * r2, weights + WEIGHTS[column]
        found = scoring.r2_by_target(targets, predicted)
        assert np.isnan(found[30:]).all()
        assert scoring.weighted(found) == pytest.approx(total / weights, rel=1e-12)


def test_resampling_by_counts_is_the_score_of_those_rows(scored: tuple[np.ndarray, ...]) -> None:
    targets, good, _ = scored
    counts = next(scoring.row_counts(np.arange(80) // 20, seed=1))[:5]
    found = scoring.resampled(targets, good, counts)
    for draw, value in zip(counts, found, strict=True):
        assert draw.reshape(4, 20).sum(axis=1).tolist() == [20] * 4  # as many from each stratum as it has
        rows = np.repeat(np.arange(80), draw.astype(int))
        r2 = scoring.r2_by_target(targets[rows], good[rows])
        r2[40] = np.nan  # one row several times is still one
        assert value == pytest.approx(scoring.weighted(r2), rel=1e-9)


def test_a_model_against_itself_differs_by_nothing(scored: tuple[np.ndarray, ...]) -> None:
    targets, good, bad = scored
    draws = [
        scoring.bootstrap([targets, targets], [side, side], np.zeros(80), seed=2) for side in (good, good.copy(), bad)
    ]
    assert len(draws[0]) == scoring.DRAWS
    assert scoring.interval(draws[0] - draws[1]) == (0.0, 0.0)
    low, high = scoring.interval(draws[0] - draws[2])
    point = np.subtract(*[scoring.weighted(scoring.r2_by_target(targets, side)) for side in (good, bad)])
    assert 0 < low < point < high


# ---- Methods --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", methods.METHODS)
def test_a_method_learns_and_sees_nothing_that_is_held_out(method: str, data: comparison_data.Data) -> None:
    held = np.arange(0, len(data), 5)
    training = np.setdiff1d(np.arange(len(data)), held)
    poisoned = replace(data, targets=data.targets.copy())
    poisoned.targets[held] *= 1000
    *_, targets, predicted = folds.fit_and_predict(data, "shuffled", 0, method, training, held)
    *_, again = folds.fit_and_predict(poisoned, "shuffled", 0, method, training, held)
    np.testing.assert_array_equal(predicted, again)
    assert np.isfinite(predicted[~np.isnan(targets)]).all()
    assert (predicted[~np.isnan(predicted)] >= 0).all()
    r2 = scoring.r2_by_target(targets, predicted)[TARGETS.index("AlPPM")]
    assert r2 < 0.1 if method == "mean" else r2 > 0.7


def test_every_number_of_components_is_that_of_its_own_fit(data: comparison_data.Data) -> None:
    x, y = data.spectra[:40], data.targets[:40, TARGETS.index("AlPPM")]
    path = tuning.predictions(tuning.fit_components(x, y, 6), data.spectra[40:])
    for number in range(1, 7):
        alone = PLSRegression(number, scale=False).fit(x, y).predict(data.spectra[40:])
        np.testing.assert_allclose(path[:, number - 1], alone.ravel(), rtol=1e-8)


def test_the_choice_is_the_least_error_for_each_target(data: comparison_data.Data) -> None:
    x, y = data.spectra, np.nan_to_num(data.targets[:, [TARGETS.index("AlPPM"), TARGETS.index("CuPPM")]], nan=50.0)
    model = tuning.KernelRidgeCV(np.array([0.01, 1.0]), np.array([1e-3, 10.0])).fit(x, y)
    choices = [(alpha, gamma / x.shape[1]) for alpha in (1e-3, 10.0) for gamma in (0.01, 1.0)]
    z = (y - y.mean(axis=0)) / y.std(axis=0)
    for target in range(2):
        errors = []
        for alpha, gamma in choices:
            fits = [(KernelRidge(kernel="rbf", alpha=alpha, gamma=gamma), *fold) for fold in tuning.INNER.split(x)]
            left = [z[b, target] - m.fit(x[a], z[a, target]).predict(x[b]) for m, a, b in fits]
            errors.append(sum((part**2).sum() for part in left))
        alpha, gamma = choices[int(np.argmin(errors))]
        alone = KernelRidge(kernel="rbf", alpha=alpha, gamma=gamma).fit(x, z[:, target]).predict(x)
        expected = alone * y[:, target].std() + y[:, target].mean()
        np.testing.assert_allclose(model.predict(x)[:, target], expected, rtol=1e-8)


def test_ours_is_the_model_that_train_makes(data: comparison_data.Data, files: list[Path], tmp_path: Path) -> None:
    done = run(ROOT / "train.py", "--data_dir", files[0].parent, "--model_dir", tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    model = pickle.loads((tmp_path / "model.pkl").read_bytes())
    public, private = data.take(~data.private), data.take(data.private)
    np.testing.assert_allclose(ours.fit_and_predict(public, private), model.predict(private.inputs), rtol=1e-9)


@pytest.mark.slow
@pytest.mark.skipif("RECORE_YAMSYS" not in os.environ, reason="RECORE_YAMSYS names no folder with the YAMSYS soils")
def test_the_published_recipe_on_real_spectra(tmp_path: Path) -> None:
    folder, written = Path(os.environ["RECORE_YAMSYS"]), tmp_path / "numbers.json"
    files = [folder / name for name in ("public.csv.gz", "private.csv.gz", "private_actual.csv.gz")]
    arguments = ("--models", "randomnumbers", "--repeats", 1, "--seed", 20261120, "--json", written)
    done = run(COMMAND, *options(files), *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    columns = json.loads(written.read_text())["columns"]
    scores = [column["methods"]["randomnumbers"]["score"] for column in columns]
    assert scores == pytest.approx([0.48, 0.66, 0.39], abs=0.03)
