import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from recore_support.command import recore, recore_process
from scipy import stats
from sklearn.decomposition import PCA
from support.data_files import write_csv

from recore.dataset.sample_files import DETECTION_LIMITS, Plan, make_sample
from recore.report.explore.file_report import explore_file
from recore.report.page.content import Page
from recore.report.page.page_files import write_page

IDS = ["SiteID", "DepthFrom", "DepthTo"]
HOSTILE = "</script><script>document.title='broken'</script><img src=x>"


@pytest.fixture(scope="module")
def csv_dir(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("explored")
    write_page(explore_file(sample / "public/public.csv.gz", sample / "private/private.csv.gz"), out / "sample.html")
    return out / "sample"


def channels(data: pd.DataFrame) -> pd.DataFrame:
    """Return the spectra, highest wavenumber first."""
    names = [name for name in data if name not in IDS and name not in DETECTION_LIMITS]
    return data[sorted(names, key=float, reverse=True)]


def inner_channels(data: pd.DataFrame) -> pd.DataFrame:
    """Return the channels to compare: all except 5% at each end."""
    return channels(data).iloc[:, 21:-21]


def bin_spectra(data: pd.DataFrame) -> np.ndarray:
    """Return binned SNV spectra, computed row by row. A bin has two channels."""
    rows = []
    for _, spectrum in inner_channels(data).iterrows():
        row = (spectrum.to_numpy() - np.mean(spectrum)) / np.std(spectrum)
        rows.append([np.mean(row[start : start + 2]) for start in range(0, len(row) - 1, 2)])
    return np.array(rows)


def test_spectrum_quantiles_match_pandas(csv_dir: Path, public: pd.DataFrame) -> None:
    table = pd.read_csv(csv_dir / "spectra.csv")
    spectra = channels(public)
    assert table["wavenumber"].tolist() == [float(name) for name in spectra]
    for level in (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0):
        np.testing.assert_allclose(table[f"q{level:.2f}"], spectra.quantile(level), rtol=1e-12)
    by_hole = pd.read_csv(csv_dir / "spectra-by-hole.csv")
    hole = public["SiteID"].iloc[-1]
    rows_of_hole = by_hole[by_hole["SiteID"] == hole]
    np.testing.assert_allclose(rows_of_hole["q0.50"], spectra[public["SiteID"] == hole].median(), rtol=1e-12)
    assert set(by_hole["SiteID"]) == set(public["SiteID"])


def test_noise_at_the_ends_does_not_hide_the_spectra(tmp_path: Path, public: pd.DataFrame) -> None:
    end_names = [channels(public).columns[0], channels(public).columns[-1]]
    noisy = public.assign(**dict.fromkeys(end_names, 1000.0))
    file = write_csv(tmp_path / "noisy.csv.gz", noisy)
    section = explore_file(file).sections[0]
    for figure in section.items[:2]:
        low, high = figure.plot.layout.yaxis.range
        inner = inner_channels(public).to_numpy()
        assert low <= inner.min() + 0.1
        assert high < 2 * inner.max()


def test_principal_components_match_scikit_learn(csv_dir: Path, public: pd.DataFrame) -> None:
    table, limits = pd.read_csv(csv_dir / "scores.csv"), pd.read_csv(csv_dir / "outliers.csv").iloc[0]
    values = bin_spectra(public)
    rows, bins = values.shape
    names = [name for name in table if name.startswith("PC")]
    count = len(names)
    pca = PCA(bins, svd_solver="full").fit(values)
    assert count == min(10, 1 + np.flatnonzero(np.cumsum(pca.explained_variance_ratio_) >= 0.99)[0])
    all_scores = pca.transform(values)
    scores, residual_scores = all_scores[:, :count], all_scores[:, count:]
    np.testing.assert_allclose(table[names], scores, atol=1e-9)
    np.testing.assert_allclose(table["T2"], (scores**2 / pca.explained_variance_[:count]).sum(axis=1), rtol=1e-9)
    np.testing.assert_allclose(table["Q"], (residual_scores**2).sum(axis=1), rtol=1e-9)
    loadings = pd.read_csv(csv_dir / "loadings.csv")
    np.testing.assert_allclose(loadings[names].T, pca.components_[:count], atol=1e-9)
    expected = count * (rows - 1) / (rows - count) * stats.f.isf(0.01, count, rows - count)
    assert limits["T2_limit"] == pytest.approx(expected, rel=1e-9)
    total, squares = (sum(pca.explained_variance_[count:] ** power) for power in (1, 2))
    assert limits["Q_limit"] == pytest.approx(squares / total * stats.chi2.isf(0.01, total**2 / squares), rel=1e-9)
    outliers = (table["T2"] > limits["T2_limit"]) | (table["Q"] > limits["Q_limit"])
    findings = {finding["name"]: finding for finding in json.loads((csv_dir / "contents.json").read_text())["findings"]}
    assert findings["outliers"]["values"]["rows"] == outliers.sum() == len(pd.read_csv(csv_dir / "outlying-rows.csv"))


def test_the_limits_cover_the_stated_share_of_rows() -> None:
    from recore.report.statistics import Components

    random = np.random.default_rng(0)
    mixing = random.standard_normal((30, 30)) * np.linspace(3, 0.1, 30)[:, None]
    model = Components(random.standard_normal((4000, 30)) @ mixing)
    new_rows = random.standard_normal((20_000, 30)) @ mixing
    assert (model.t2(new_rows) > model.t2_limit).mean() == pytest.approx(0.01, abs=0.004)
    assert (model.q(new_rows) > model.q_limit).mean() == pytest.approx(0.01, abs=0.006)


def test_assay_statistics_match_pandas(csv_dir: Path, public: pd.DataFrame) -> None:
    table = pd.read_csv(csv_dir / "assays.csv").set_index("assay")
    assert table.index.tolist() == list(DETECTION_LIMITS)
    measured = public[table.index]
    assert table["measured"].tolist() == measured.count().tolist()
    assert table["missing"].tolist() == measured.isna().sum().tolist()
    np.testing.assert_allclose(table["q0.75"], measured.quantile(0.75), rtol=1e-12)
    for name, limit in DETECTION_LIMITS.items():
        at_limit = int((measured[name] == limit / 2).sum())  # the sample reports half of the limit
        if at_limit >= max(3, 0.01 * measured[name].count()):
            assert table["at limit"][name] == at_limit


def test_assay_correlations_match_scipy(csv_dir: Path, public: pd.DataFrame) -> None:
    table = pd.read_csv(csv_dir / "correlation.csv").set_index("assay")
    values = bin_spectra(public)
    for name in ("CuPPM", "AlPPM", "AuPPM"):
        measured = public[name].notna().to_numpy()
        for index in (0, 100, 190):
            expected = stats.pearsonr(np.log10(public[name][measured]), values[measured, index]).statistic
            assert table.loc[name].iloc[1 + index] == pytest.approx(expected, abs=1e-10)


def test_nearest_neighbour_distances_match_all_pairs(csv_dir: Path, sample: Path, public: pd.DataFrame) -> None:
    all_rows = pd.concat([public, pd.read_csv(sample / "private/private.csv.gz", index_col=0)])
    spectra = inner_channels(all_rows).to_numpy()
    kernel = np.array([1, -6, 15, -20, 15, -6, 1])
    snv = (spectra - spectra.mean(axis=1, keepdims=True)) / spectra.std(axis=1, keepdims=True)
    squares = np.maximum((snv**2).mean(axis=1)[:, None] * 2 - 2 * snv @ snv.T / snv.shape[1], 0)
    np.fill_diagonal(squares, np.inf)
    sixth = np.array([np.convolve(row, kernel, "valid") for row in snv]) / np.sqrt((kernel**2).sum())
    noise = np.quantile(np.median(np.abs(sixth), axis=0) / stats.norm.ppf(0.75), 0.75)
    nearest = np.sqrt(squares.min(axis=1)) / np.sqrt(2) / noise
    table = pd.read_csv(csv_dir / "neighbours.csv")
    counts = table.iloc[:, 2:].sum(axis=1)
    assert counts.sum() == len(spectra)
    expected = np.histogram(nearest, np.append(table["from"], table["to"].iloc[-1]))[0]
    assert np.abs(np.cumsum(counts) - np.cumsum(expected)).max() <= 0.02 * len(spectra)


def test_the_shift_tables_match_the_private_rows(csv_dir: Path, sample: Path, public: pd.DataFrame) -> None:
    table = pd.read_csv(csv_dir / "shift.csv")
    limits = pd.read_csv(csv_dir / "outliers.csv").iloc[0]
    private = pd.read_csv(sample / "private/private.csv.gz", index_col=0)
    by_hole = pd.read_csv(csv_dir / "shift-by-hole.csv")
    rows_of_hole = table[table["file"] == "private"]
    assert rows_of_hole["index"].tolist() == private.index.tolist()
    for hole, rows in rows_of_hole.groupby("SiteID"):
        expected = ((rows["T2"] > limits["T2_limit"]) | (rows["Q"] > limits["Q_limit"])).mean()
        row = by_hole[(by_hole["file"] == "private") & (by_hole["SiteID"] == hole)]
        assert row["either"].item() == pytest.approx(expected)
    values, private_values = bin_spectra(public), bin_spectra(private)
    loadings = pd.read_csv(csv_dir / "loadings.csv").filter(like="PC").to_numpy()
    np.testing.assert_allclose(rows_of_hole["PC1"], (private_values - values.mean(axis=0)) @ loadings[:, 0], atol=1e-8)


@pytest.mark.slow
def test_two_samples_are_distinguished_only_if_they_differ() -> None:
    from recore.report.explore.shift import compare_sets

    random = np.random.default_rng(0)
    values = random.standard_normal((600, 20)) + np.repeat(0.3 * random.standard_normal((12, 20)), 50, axis=0)
    holes = np.repeat([f"H{index}" for index in range(12)], 50)
    equal_sets = compare_sets(values[:400], holes[:400], values[400:], holes[400:])
    assert equal_sets.by_hole
    assert equal_sets.usual[0] <= equal_sets.auc <= max(equal_sets.usual[-1], 0.6)
    different_sets = compare_sets(values[:400], holes[:400], values[400:] + 2, holes[400:])
    assert different_sets.auc > 0.95 > different_sets.usual[-1]
    single_hole = compare_sets(values[:400], holes[:400], values[400:450], holes[400:450])
    assert not single_hole.by_hole
    assert single_hole.usual == ()


# ---- files with defects ------------------------------------------------------------------------------------


@pytest.fixture
def explore_changed(tmp_path: Path, public: pd.DataFrame) -> Callable[..., Page]:
    """Return a function that changes a copy of some rows and channels, and explores it."""

    def explore(change: Callable[[pd.DataFrame], Any] = lambda data: None, rows: int = 60, private: Any = None) -> Page:
        data = public.iloc[np.linspace(0, len(public) - 1, rows).astype(int)].copy()
        data = data.drop(columns=channels(data).columns[40:])
        changed = change(data)
        data = data if changed is None else changed
        page = explore_file(
            write_csv(tmp_path / "f.csv.gz", data), private and write_csv(tmp_path / "p.csv.gz", private(data))
        )
        write_page(page, tmp_path / "f.html")
        return page

    return explore


def message_of(page: Page, name: str, level: str) -> str:
    messages = [finding.text for finding in page.findings if finding.name == name and finding.level == level]
    assert messages, [(finding.level, finding.name) for finding in page.findings]
    return messages[0]


def set_cells(name: str, value: float, rows: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda data: data.assign(**{name: [value] * rows + data[name].tolist()[rows:]})


def insert_run(value: float, rows: int, count: int) -> Callable[[pd.DataFrame], None]:
    """Return a change that writes a value into `count` adjacent channels of the first `rows` rows."""

    def change(data: pd.DataFrame) -> None:
        names = channels(data).columns[5 : 5 + count]
        data.iloc[:rows, data.columns.get_indexer(names)] = value

    return change


def insert_gap(data: pd.DataFrame) -> None:
    data.iloc[5, data.columns.get_loc(channels(data).columns[3])] = np.nan


def insert_text(data: pd.DataFrame) -> None:
    name = channels(data).columns[3]
    data[name] = data[name].astype(object)
    data.iloc[2, data.columns.get_loc(name)] = "n.d."


def many_problems(data: pd.DataFrame) -> pd.DataFrame:
    names = channels(data).columns
    data = data.assign(notes="x", SiteID="one", DepthFrom=0, DepthTo=20, CuPPM=-1.0, **{names[7]: 0.5})
    return data.drop(columns=names[10:20]).set_axis([0] * len(data))


def problems_of_cells(data: pd.DataFrame) -> pd.DataFrame:
    insert_run(0.0, 10, 30)(data)
    return set_cells("CuPPM", 9999.0, 3)(data.assign(DepthFrom=data["DepthTo"] + 1))


def gaps_and_zeros(data: pd.DataFrame) -> pd.DataFrame:
    insert_run(1.25, 1, 12)(data)
    data = set_cells("CuPPM", 0.0, 12)(data)
    return data.assign(DepthFrom=data["DepthFrom"].where(np.arange(len(data)) > 1))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (insert_gap, {"empty channels": "1 cell of the spectra is not a number, in 1 row and 1 channel ("}),
        (insert_text, {"file": "'n.d.'"}),
        (lambda data: data.drop(columns=IDS), {"file": "3 missing columns: 'SiteID'"}),
        (
            many_problems,
            {
                **{"file": "'notes'", "one hole": "one hole", "constant channels": "1 channel has"},
                **{"gaps between channels": "the widest", "assays not positive": "CuPPM", "index repeated": "59 rows"},
            },
        ),
        (lambda data: data.assign(DepthFrom=0, DepthTo=20), {"no depths": "the same depth"}),
        (
            problems_of_cells,
            {
                **{"depths reversed": "60 rows", "assay codes": "values are exactly 9999, and the next"},
                **{"constant runs": "10 of 60 spectra have 30 channels of exactly 0 ("},
            },
        ),
        (
            gaps_and_zeros,
            {
                **{
                    "depths missing": "2 rows have no depth",
                    "assay codes": "CuPPM: 12 of 56 values are exactly 0, which",
                },
                **{"constant runs": "1 of 60 spectra has 12 channels of exactly 1.25 ("},
            },
        ),
        (lambda data: data.assign(CuPPM=7.0, **dict.fromkeys(channels(data), 0.5)), {"flat spectra": "60 rows"}),
        (
            lambda data: data.assign(CuPPM=[np.inf] + [7.0] * 59, **dict.fromkeys(channels(data), np.nan)),
            {"empty channels": "in 60 rows", "file": "CuPPM': 1 infinite cell", "assays constant": "CuPPM"},
        ),
        (
            lambda data: data.assign(CuPPM=[0.0] + [7.0] * 59, **channels(data) * 100),
            {"not absorbance": "check that the values are absorbances", "assays not positive": "CuPPM"},
        ),
        (
            lambda data: data.drop(columns="CuPPM").assign(SiteID=[HOSTILE] * 30 + [f"{HOSTILE}2"] * 30),
            {"assays not measured": "CuPPM", "depths overlap": "repeated samples"},
        ),
        (lambda data: data.drop(columns=list(DETECTION_LIMITS)), {"no assays": "private"}),
    ],
)
def test_data_problems_are_reported(
    explore_changed: Callable[..., Page], change: Callable[[pd.DataFrame], pd.DataFrame], expected: dict[str, str]
) -> None:
    notes = {"no depths", "assays not measured", "no assays", "depths overlap"}
    page = explore_changed(change)
    for name, part in expected.items():
        assert part in message_of(page, name, "note" if name in notes else "bad"), name


@pytest.mark.parametrize("rows", [1, 2, 6])
def test_a_few_rows_are_enough(explore_changed: Callable[..., Page], rows: int) -> None:
    page = explore_changed(rows=rows, private=lambda data: data.drop(columns=list(DETECTION_LIMITS)))
    assert {section.name for section in page.sections} >= {"spectra", "components", "shift", "duplicates", "depth"}
    assert rows < 2 or "same spectrum" in message_of(page, "duplicates across files", "bad")


def test_targets_without_assays_are_folded(explore_changed: Callable[..., Page]) -> None:
    page = explore_changed(lambda data: data.drop(columns=["CuPPM", "AuPPM"]))
    section = next(section for section in page.sections if section.name == "assays")
    assert section.folded == {"2 targets without assays": "AuPPM, CuPPM"}
    assert [len(item.numbers) for item in section.items] == [47, 47, 49]


def test_repeats_are_found_despite_noise(explore_changed: Callable[..., Page]) -> None:
    def repeat_rows(data: pd.DataFrame) -> pd.DataFrame:
        random = np.random.default_rng(0)
        noisy = data.copy()
        noisy[channels(data).columns] += 0.002 * random.standard_normal(channels(data).shape)
        repeats = noisy.iloc[:3].copy()
        repeats[channels(data).columns] = channels(data).iloc[:3] + 0.002 * random.standard_normal((3, 40))
        return pd.concat([noisy, repeats.assign(SiteID="elsewhere").set_axis([9001, 9002, 9003])])

    page = explore_changed(repeat_rows)
    table = next(item for item in page.items if item.name == "duplicate-rows").numbers
    assert {*table["index_1"], *table["index_2"]} >= {"9001", "9002", "9003"}
    assert message_of(page, "duplicates across holes", "bad")


def test_a_shift_is_found(explore_changed: Callable[..., Page]) -> None:
    def add_band(data: pd.DataFrame) -> pd.DataFrame:
        other = data.drop(columns=list(DETECTION_LIMITS))
        other[channels(other).columns] += np.sin(np.arange(40))  # a band that no public row has
        return other

    page = explore_changed(rows=200, private=add_band)
    assert message_of(page, "shift", "bad").startswith("100.0% of the private rows")


def test_files_with_different_channels_are_not_compared(explore_changed: Callable[..., Page]) -> None:
    page = explore_changed(private=lambda data: data.rename(columns={channels(data).columns[0]: "4001.0"}))
    assert "channel" in message_of(page, "shift", "bad")
    page = explore_changed(private=lambda data: data.drop(columns=channels(data).columns[0]))
    assert "40 public channels and 39 private ones" in message_of(page, "shift", "bad")


def test_the_explore_command_writes_a_report(tmp_path: Path, public: pd.DataFrame) -> None:
    data, out = write_csv(tmp_path / "f.csv.gz", public.iloc[::8]), tmp_path / "explored.html"
    result = recore_process("explore", data, "--out", out)
    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines()[0] == "explore: reading"
    assert all(line.startswith("explore: ") for line in result.stderr.splitlines())
    assert result.stdout.splitlines()[-1] == f"explore: {out}; its data are in {tmp_path / 'explored'}"
    assert all(line[:6].strip() in {"bad", "note", "good"} for line in result.stdout.splitlines()[:-1])
    result = recore("explore", data, "--out", out, "--json")
    assert {finding["name"] for finding in json.loads(result.stdout)} >= {"outliers", "no duplicates"}
    assert recore("explore", data, "--out", "x.txt").returncode == 2


@pytest.mark.timing
def test_time_grows_with_the_rows_and_the_page_stays_within_10_MB(tmp_path: Path) -> None:
    seconds = []
    for rows in (2_800, 28_000):
        make_sample(tmp_path / str(rows), Plan(rows=rows, holes=100, channels=1700, missing=0.05))
        files = [tmp_path / f"{rows}/{split}/{split}.csv.gz" for split in ("public", "private")]
        start = time.process_time()
        page = explore_file(*files)
        write_page(page, tmp_path / "r.html")
        seconds.append(time.process_time() - start)
    assert int(page.facts["rows"].replace(",", "")) > 18_000
    assert seconds[1] < 15 * seconds[0]
    assert (tmp_path / "r.html").stat().st_size < 10_000_000
