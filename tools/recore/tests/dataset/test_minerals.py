"""The mineral table: plausible compositions and bands."""

import numpy as np
import pytest

from recore.dataset.geology import MINERALS, ROCKS
from recore.dataset.grammar.units import DETECTION_LIMITS
from recore.dataset.sample_files import CONTENTS
from recore.dataset.sample_spectra import band_shape, grid


@pytest.mark.parametrize(
    ("mineral", "element", "percent"),
    # textbook compositions, in per cent by mass
    [
        ("quartz", "Si", 46.74),
        ("orthoclase", "K", 14.05),
        ("muscovite", "Al", 20.32),
        ("kaolinite", "Al", 20.90),
        ("calcite", "Ca", 40.04),
        ("chalcopyrite", "Cu", 34.63),
        ("pyrite", "S", 53.45),
        ("galena", "Pb", 86.60),
        ("apatite", "P", 18.43),
        ("zircon", "Zr", 49.77),
    ],
)
def test_minerals_have_their_textbook_compositions(mineral: str, element: str, percent: float) -> None:
    assert MINERALS[mineral].elements[element] / 1e4 == pytest.approx(percent, abs=0.05)


def test_every_band_is_in_the_mid_infrared_and_every_banded_mineral_names_a_source() -> None:
    for name, mineral in MINERALS.items():
        assert bool(mineral.bands) == bool(mineral.source), name
        for position, height, half_width in mineral.bands:
            assert 350 < position < 4000, name
            assert 0 < height <= 1, name
            assert 2 < half_width < 200, name


def test_every_target_occurs_in_a_mineral_and_every_mineral_in_a_rock_is_known() -> None:
    assert (CONTENTS.sum(axis=0) > 0).all()
    assert CONTENTS.shape == (len(MINERALS), len(DETECTION_LIMITS))
    assemblages = [*ROCKS["fresh"].values(), *ROCKS["altered"].values(), ROCKS["weathered"]]
    assert {mineral for assemblage in assemblages for mineral in assemblage} <= set(MINERALS)


def test_a_band_is_half_as_high_at_its_half_width() -> None:
    wavenumbers = np.array([1030.0, 1000.0, 970.0])
    np.testing.assert_allclose(band_shape(wavenumbers, [(1000, 0.8, 30)]), [0.4, 0.8, 0.4])


def test_kaolinite_shows_its_hydroxyl_bands() -> None:
    wavenumbers = grid(3651)
    spectrum = band_shape(wavenumbers, MINERALS["kaolinite"].bands)
    peaks = wavenumbers[1:-1][(spectrum[1:-1] > spectrum[:-2]) & (spectrum[1:-1] > spectrum[2:])]
    for band in (3695, 3620, 914):
        assert np.abs(peaks - band).min() < 4
