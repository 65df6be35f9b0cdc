"""The reference of the training spectra, and how spectra are compared with it."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recore_support.schema import HOLE
from sklearn.decomposition import PCA
from sklearn.preprocessing import scale
from stagemaker_support.fuzzing import examples

from recore.dataset.sample_files import Plan, make_sample
from recore.production.containers import domain
from recore.production.containers.domain import Domain, DomainError, fit_file, fit_reference
from recore.spectral_data import SpectralData, read_data


def make_spectra(rows: int, channels: int = 60, seed: int = 0) -> np.ndarray:
    """Return mixtures of three smooth spectra (rows, channels) with some noise."""
    random = np.random.default_rng(seed)
    positions = np.linspace(0, 5, channels)
    components = np.array([np.exp(-((positions - centre) ** 2)) for centre in (1, 2.5, 4)])
    mixtures = random.dirichlet([2, 3, 4], rows) @ components
    return 0.5 + mixtures + random.normal(0, 0.005, mixtures.shape)


WAVENUMBERS = np.linspace(3990, 630, 60)
HOLES = np.repeat(np.arange(20), 10)
SPECTRA = make_spectra(200)
REFERENCE = fit_reference(WAVENUMBERS, SPECTRA, HOLES)
DOMAIN = Domain(REFERENCE, WAVENUMBERS.tolist())


@pytest.fixture(scope="module")
def data(small_sample: Path) -> SpectralData:
    return read_data(small_sample / "public/public.csv.gz")


def test_t2_and_q_equal_those_from_scikit_learns_pca(data: SpectralData) -> None:
    reference = fit_file(data.path, HOLE)
    wavenumbers = data.wavenumbers.tolist()
    domain = Domain(reference, wavenumbers)
    t2, q, _ = domain.compare(domain.snv(data.spectra))
    spectra = data.spectra[:, [wavenumbers.index(channel) for channel in reference["channels"]]]
    snv = scale(spectra, axis=1)  # as many bins as channels
    components = len(reference["variances"])
    pca = PCA(components, svd_solver="full").fit(snv)
    scores = pca.transform(snv)
    np.testing.assert_allclose(t2 * reference["t2_limit"], (scores**2 / pca.explained_variance_).sum(axis=1))
    residuals = snv - pca.inverse_transform(scores)
    np.testing.assert_allclose(q * reference["q_limit"], (residuals**2).sum(axis=1))
    np.testing.assert_allclose(abs(domain.components.scores(snv)), abs(scores), atol=1e-9)
    shares = pca.explained_variance_ratio_
    assert components in (2, 10) or shares[:-1].sum() < 0.99 <= shares.sum()


def test_bins_are_means_of_equal_numbers_of_channels() -> None:
    spectra = make_spectra(3, 1003)
    expected = scale(spectra, axis=1)[:, :1000].reshape(3, 200, 5).mean(axis=2)
    np.testing.assert_allclose(domain.bin_snv(spectra), expected)


def test_rows_of_new_drill_holes_are_inside_and_tilted_baselines_are_not(tmp_path: Path) -> None:
    make_sample(tmp_path, Plan(rows=600, holes=60, channels=171, missing=0))
    data, private = (read_data(tmp_path / f"{split}/{split}.csv.gz") for split in ("public", "private"))
    domain = Domain(fit_file(data.path, HOLE), data.wavenumbers.tolist())
    slope = np.linspace(-0.5, 0.5, len(data.wavenumbers)) * private.spectra.std(axis=1, keepdims=True)
    good, tilted = (domain.describe(spectra) for spectra in (private.spectra, private.spectra + slope))
    assert np.mean([each["inside"] for each in good if each]) > 0.9
    assert np.mean([each["inside"] for each in tilted if each]) < 0.05


def test_about_one_row_in_a_hundred_exceeds_each_limit() -> None:
    random = np.random.default_rng(1)
    waves = np.sin(np.outer([3, 5, 8], np.linspace(0, 3, 60)))
    spectra = random.normal(size=(7000, 3)) @ waves * 0.05 + 3 * waves[0] + random.normal(0, 0.01, (7000, 60))
    reference = fit_reference(WAVENUMBERS, spectra[:3000], np.repeat(np.arange(100), 30))
    descriptions = Domain(reference, WAVENUMBERS.tolist()).describe(spectra[3000:])
    for name in ("t2", "q"):
        assert 0.001 < np.mean([description[name] > 1 for description in descriptions]) < 0.03
    assert all(each["distance"] == max(each["t2"], each["q"]) for each in descriptions)
    assert all(each["inside"] == (each["distance"] <= 1) for each in descriptions)
    assert np.mean([bool(description["bands"]) for description in descriptions]) < 0.05


def test_a_band_that_no_training_spectrum_has_is_reported() -> None:
    spectra = make_spectra(5, seed=2)
    spectra[2] += 0.1 * np.exp(-(((WAVENUMBERS - 2350) / 80) ** 2))
    descriptions = DOMAIN.describe(spectra)
    assert [each["inside"] for each in descriptions] == [True, True, False, True, True]
    band = descriptions[2]["bands"][0]
    assert 2350 + 500 > band["from"] > 2350 > band["to"] > 2350 - 500
    assert band["deviation"] > 1
    assert not descriptions[0]["bands"]


@examples(20)
@given(order=st.permutations(range(60)), scale=st.floats(0.1, 10), offset=st.floats(-5, 5))
def test_the_order_of_channels_scale_and_offset_do_not_matter(order: list[int], scale: float, offset: float) -> None:
    spectra = make_spectra(3, seed=3)
    descriptions = Domain(REFERENCE, WAVENUMBERS[order].tolist()).describe(scale * spectra[:, order] + offset)
    for row, other in zip(DOMAIN.describe(spectra), descriptions, strict=True):
        assert other["distance"] == pytest.approx(row["distance"], rel=1e-5)


def test_a_spectrum_without_a_shape_has_no_domain() -> None:
    spectra = make_spectra(6, seed=4)
    spectra[0, 7], spectra[1], spectra[2, 3] = np.nan, 0.3, np.inf
    spectra[3] *= 1e200
    spectra[4, 9] = 1e308
    assert [description is None for description in DOMAIN.describe(spectra)] == [True] * 5 + [False]


def test_a_channel_that_is_mostly_empty_is_not_used() -> None:
    spectra = SPECTRA.copy()
    spectra[:150, 5] = np.nan
    spectra[3, 9] = np.nan  # a gap, which only excludes its row
    reference = fit_reference(WAVENUMBERS, spectra, HOLES)
    assert reference["channels"] == [*WAVENUMBERS[2:5], *WAVENUMBERS[6:-2]]  # and not the edges, 2 of 59
    assert reference["rows"] == 199
    assert Domain(reference, WAVENUMBERS.tolist()).describe(spectra[:1])[0] is not None
    with pytest.raises(DomainError, match="channels of the reference are missing: 1,"):
        Domain(reference, WAVENUMBERS[3:].tolist())


def test_a_rows_statistics_are_from_components_fitted_without_its_hole() -> None:
    values = np.array(REFERENCE["values"])
    new, fitted = (DOMAIN.statistics(spectra, DOMAIN.snv(spectra)) for spectra in (make_spectra(200, seed=5), SPECTRA))
    q = REFERENCE["statistics"].index("Q")
    assert values[:, q].mean() > fitted[:, q].mean()
    assert abs(values.mean(axis=0) - new.mean(axis=0))[q] < 0.15
    assert values.shape == (200, len(REFERENCE["statistics"]))
    mean = REFERENCE["statistics"].index("mean absorbance")  # independent of the components
    np.testing.assert_allclose(values[:, mean], fitted[:, mean], rtol=1e-4)


def test_few_rows_of_many_holes_are_stored() -> None:
    codes = np.repeat(np.arange(300), 30)
    chosen_rows = domain.choose_rows(codes)
    assert len(chosen_rows) == domain.MAX_ROWS
    counts = np.bincount(codes[chosen_rows])
    assert set(counts) == {0, domain.ROWS_PER_HOLE}
    first = [chosen_rows[codes[chosen_rows] == code] - 30 * code for code in np.unique(codes[chosen_rows])]
    assert all((rows == np.arange(domain.ROWS_PER_HOLE)).all() for rows in first)


@pytest.mark.parametrize(
    ("spectra", "message"),
    [
        (SPECTRA[:9], "at least 10 rows with a spectrum are needed, but there are 9"),
        (np.full((20, 60), np.nan), "there are 0"),
        (np.tile(SPECTRA[0], (20, 1)), "all spectra are identical"),
        (np.ones((20, 60)), "there are 0"),
    ],
)
def test_too_few_spectra_have_no_reference(spectra: np.ndarray, message: str) -> None:
    with pytest.raises(DomainError, match=message):
        fit_reference(WAVENUMBERS, spectra, np.arange(len(spectra)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("index,a,b\n1,2,3\n", "no column is a wavenumber"),
        ("index,4000.5\n1,x\n", "public.csv.gz: In CSV column"),
        ("", "public.csv.gz: Empty CSV file"),
    ],
)
def test_a_file_without_spectra_is_one_clear_line(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "public.csv.gz"
    path.write_bytes(gzip.compress(content.encode()))
    with pytest.raises(DomainError, match=message) as caught:
        fit_file(path, HOLE)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_without_drill_holes_has_a_reference(data: SpectralData, tmp_path: Path) -> None:
    table = pd.read_csv(data.path, index_col=0).drop(columns=HOLE)
    table.to_csv(tmp_path / "public.csv.gz")
    reference = fit_file(tmp_path / "public.csv.gz", HOLE)
    assert len(set(reference["holes"])) == len(table)
