"""OPUS files: the choice of the block, its conversion, and one-line messages about damaged files."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recore_support.measuring import cpu_seconds
from recore_support.opus_files import DIRECTORY, SERIES, Block, block, number, opus_bytes
from stagemaker_support.fuzzing import examples

from recore.dataset.instruments.files import read_file
from recore.dataset.instruments.reading_options import ReadingOptions
from recore.dataset.instruments.spectrum import Problem, Spectrum

X = np.linspace(4000, 600, 86)
ABSORBANCE = 0.4 + np.exp(-(((X - 1050) / 120) ** 2)) + 0.3 * np.exp(-(((X - 3400) / 200) ** 2))


def read_item(folder: Path, content: bytes, **options: str) -> Spectrum | Problem:
    path = folder / "soil_7.0"
    path.write_bytes(content)
    (item,) = read_file(path, ReadingOptions(**options))
    return item


def read_spectrum(folder: Path, *blocks: Block, **options: str) -> Spectrum:
    item = read_item(folder, opus_bytes(*blocks), **options)
    assert isinstance(item, Spectrum), item
    return item


def rejection(folder: Path, *blocks: Block, **options: str) -> str:
    item = read_item(folder, opus_bytes(*blocks), **options)
    assert isinstance(item, Problem), item
    assert "\n" not in item.reason
    return item.reason


def test_absorbance_is_read_with_its_wavenumbers(tmp_path: Path) -> None:
    blocks = [block("sample", 0.02 + X / 1e5), block("absorbance", ABSORBANCE)]
    result = read_spectrum(tmp_path, *blocks)
    assert (result.sample, result.replicate) == ("soil_7", "0")
    np.testing.assert_allclose(result.wavenumbers, X)
    np.testing.assert_array_equal(result.absorbance, ABSORBANCE.astype("f4"))
    assert result.remarks == ()


def test_scaled_values_longer_blocks_and_a_rising_axis_are_read(tmp_path: Path) -> None:
    values = np.append(ABSORBANCE[::-1], [7, 7, 7])
    result = read_spectrum(tmp_path, block("absorbance", values, 600, 4000, NPT=86, CSF=0.5))
    np.testing.assert_allclose(result.wavenumbers, X)
    np.testing.assert_allclose(result.absorbance, 0.5 * ABSORBANCE, rtol=1e-6)
    assert "reversed" in result.remarks[0]


def test_the_later_of_two_absorbance_blocks_is_read(tmp_path: Path) -> None:
    blocks = [block("absorbance", ABSORBANCE), block("absorbance", ABSORBANCE + 0.1)]
    result = read_spectrum(tmp_path, *blocks)
    np.testing.assert_allclose(result.absorbance, ABSORBANCE + 0.1, rtol=1e-6)
    assert "2 absorbance blocks; the last one stored" in result.remarks[0]
    second = read_spectrum(tmp_path, *blocks, block="absorbance:2")
    np.testing.assert_allclose(second.absorbance, ABSORBANCE, rtol=1e-6)
    assert "number 3" in rejection(tmp_path, *blocks, block="absorbance:3")


@pytest.mark.parametrize("kind", ["reflectance", "transmittance"])
@pytest.mark.parametrize(("scale", "full_scale"), [("fraction", 1.0), ("percent", 100.0)])
def test_reflectance_and_transmittance_are_rejected_or_converted(
    tmp_path: Path, kind: str, scale: str, full_scale: float
) -> None:
    stored_block = block(kind, full_scale * 10**-ABSORBANCE)
    assert f"--block {kind} with --convert" in rejection(tmp_path, stored_block)
    assert f"contains {kind}, but absorbance is expected" in rejection(tmp_path, stored_block, block=kind)
    result = read_spectrum(tmp_path, stored_block, block=kind, convert=scale)
    np.testing.assert_allclose(result.absorbance, ABSORBANCE, atol=1e-5)
    assert f"{kind} ({scale}) was converted" in result.remarks[0]
    other_scale = {"fraction": "percent", "percent": "fraction"}[scale]
    reason = rejection(tmp_path, stored_block, block=kind, convert=other_scale)
    assert other_scale in reason
    if scale == "fraction":
        assert scale in reason


def test_absorbance_is_not_converted_again(tmp_path: Path) -> None:
    assert "already contains absorbance" in rejection(tmp_path, block("absorbance", ABSORBANCE), convert="fraction")


@pytest.mark.parametrize("kind", ["atr", "log-reflectance"])
def test_other_kinds_of_absorbance_are_read_only_if_selected_by_name(tmp_path: Path, kind: str) -> None:
    assert f"it contains {kind}" in rejection(tmp_path, block(kind, ABSORBANCE))
    np.testing.assert_allclose(
        read_spectrum(tmp_path, block(kind, ABSORBANCE), block=kind).absorbance, ABSORBANCE, rtol=1e-6
    )


def test_single_channel_spectra_become_absorbance(tmp_path: Path) -> None:
    wide_axis = np.linspace(4080, 520, 90)  # the reference has two more channels at each end
    lamp = 0.01 + wide_axis / 1e5
    pair = [block("sample", lamp[2:-2] * 10**-ABSORBANCE), block("reference", lamp, 4080, 520)]
    assert "--block single-channel" in rejection(tmp_path, *pair)
    result = read_spectrum(tmp_path, *pair, block="single-channel")
    np.testing.assert_allclose(result.absorbance, ABSORBANCE, atol=1e-5)
    narrower_pair = [pair[0], block("reference", lamp[3:-3], wide_axis[3], wide_axis[-4])]
    assert "different channels" in rejection(tmp_path, *narrower_pair, block="single-channel")
    dark_pair = [pair[0], block("reference", lamp - lamp.min(), 4080, 520)]
    assert "not positive" in rejection(tmp_path, pair[0], block("reference", -lamp, 4080, 520), block="single-channel")
    assert isinstance(read_spectrum(tmp_path, *dark_pair, block="single-channel"), Spectrum)  # zeros outside the range
    assert "no reference spectrum" in rejection(tmp_path, pair[0], block="single-channel")


def test_micrometres_are_converted_and_other_units_rejected(tmp_path: Path) -> None:
    result = read_spectrum(tmp_path, block("absorbance", ABSORBANCE, 2.5, 16.0, DXU="MI"))
    np.testing.assert_allclose(result.wavenumbers, 1e4 / np.linspace(2.5, 16, 86))
    assert "converted from um to cm-1" in result.remarks[0]
    assert not any("reversed" in remark for remark in result.remarks)
    assert "unit 'MIN'" in rejection(tmp_path, block("absorbance", ABSORBANCE, DXU="MIN"))


@pytest.mark.parametrize(
    ("values", "parameters", "reason"),
    [
        (ABSORBANCE, {"DPF": 2}, "format 2"),
        (ABSORBANCE, {"NPT": 100_000_000}, "no absorbance spectrum"),
        (ABSORBANCE, {"NPT": -5}, "is damaged"),
        (ABSORBANCE, {"NPT": 0}, "are not a spectrum"),
        (ABSORBANCE, {"NPT": "many"}, "is damaged"),
        (ABSORBANCE, {"CSF": float("nan")}, "not finite"),
        (ABSORBANCE, {"FXV": float("inf")}, "finite"),
        (ABSORBANCE, {"FXV": 600.0}, "is not monotonic"),
        (ABSORBANCE, {"LXV": -600.0}, "positive"),
        (ABSORBANCE, {"LXV": 1e7}, "do not belong to an optical spectrum"),
        (ABSORBANCE + np.where(X[4] == X, np.nan, 0), {}, "not finite"),
        (0 * ABSORBANCE + 0.5, {}, "all values are 0.5"),
        (100 * ABSORBANCE, {}, "are not absorbance; --convert percent"),
    ],
)
def test_invalid_spectra_are_rejected(
    tmp_path: Path, values: np.ndarray, parameters: dict[str, object], reason: str
) -> None:
    assert reason in rejection(tmp_path, block("absorbance", values, **parameters))


def test_dark_reflectance_has_no_logarithm(tmp_path: Path) -> None:
    stored_block = block("reflectance", 10**-ABSORBANCE - 0.2)
    assert "not positive" in rejection(tmp_path, stored_block, block="reflectance", convert="fraction")


def test_derivatives_interferograms_and_series_are_not_absorbance(tmp_path: Path) -> None:
    assert "no readable spectrum" in rejection(
        tmp_path, block("derivative", ABSORBANCE), block("interferogram", ABSORBANCE)
    )
    assert isinstance(read_item(tmp_path, endless_series()), Spectrum)


def endless_series() -> bytes:
    """Return an OPUS file with a spectrum and a series that claims to contain two billion spectra."""
    endless_block = struct.pack("<6i", 0, 2**31 - 1, 24, 0, 0, 0) + bytes(4000)
    return opus_bytes(block("absorbance", ABSORBANCE), additional=((SERIES, endless_block),))


@pytest.mark.timing
def test_a_series_does_not_slow_down_reading(tmp_path: Path) -> None:
    ordinary_seconds, series = cpu_seconds(lambda: read_item(tmp_path, COMPLETE_FILE)), endless_series()
    assert cpu_seconds(lambda: read_item(tmp_path, series)) < 20 * ordinary_seconds


COMPLETE_FILE = opus_bytes(block("sample", 0.02 + X / 1e5), block("absorbance", ABSORBANCE))


def test_a_truncated_file_is_reported_in_one_line(tmp_path: Path) -> None:
    for length in (*range(1, 60), *range(60, len(COMPLETE_FILE), 7), len(COMPLETE_FILE) - 1):
        item = read_item(tmp_path, COMPLETE_FILE[:length])
        assert isinstance(item, Problem), length
        assert "\n" not in item.reason, length


@examples(200)
@given(st.lists(st.tuples(st.integers(0, len(COMPLETE_FILE) - 1), st.integers(0, 255)), min_size=1, max_size=12))
def test_a_damaged_file_is_a_spectrum_or_a_problem(
    tmp_path_factory: pytest.TempPathFactory, damages: list[tuple[int, int]]
) -> None:
    content = bytearray(COMPLETE_FILE)
    for offset, value in damages:
        content[offset] = value
    item = read_item(tmp_path_factory.getbasetemp(), bytes(content))
    if isinstance(item, Spectrum):
        assert np.isfinite(item.absorbance).all()
        assert (np.diff(item.wavenumbers) < 0).all()
        assert len(item.absorbance) == len(item.wavenumbers) <= len(content) / 4
    else:
        assert item.source
        assert item.reason


@examples(200)
@given(st.binary(max_size=4000), st.booleans())
def test_any_bytes_are_reported_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, has_signature: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.0"
    path.write_bytes((b"\n\n\xfe\xfe" if has_signature else b"") + content)
    (item,) = read_file(path, ReadingOptions())
    assert isinstance(item, Problem)
    assert item.source
    assert item.reason
    assert "\n" not in item.reason


def find_entry(content: bytes, kind: tuple[int, ...]) -> int:
    return next(
        offset
        for offset in range(24, len(content), 12)
        if content[offset : offset + 4] == struct.pack("<i", number(kind))
    )


def test_a_parameter_of_negative_length_does_not_hang(tmp_path: Path) -> None:
    offset = COMPLETE_FILE.index(b"NPT\0", COMPLETE_FILE.index(b"NPT\0") + 1)
    content = COMPLETE_FILE[: offset + 6] + struct.pack("<h", -4) + COMPLETE_FILE[offset + 8 :]
    item = read_item(tmp_path, content)
    assert isinstance(item, Problem)
    assert "negative length" in item.reason


def test_overlapping_blocks_do_not_exhaust_the_memory(tmp_path: Path) -> None:
    capacity = 9000
    values = np.zeros(250_000, "f4").tobytes()
    offset = 24 + 12 * capacity
    entries = struct.pack("<3i", number((3, 3, 0, 4, 0, 0)), len(values) // 4, offset) * capacity
    content = b"\n\n\xfe\xfe" + struct.pack("<d3i", 920622.0, 24, capacity, capacity) + entries + values
    item = read_item(tmp_path, content)
    assert isinstance(item, Problem)
    assert "overlap" in item.reason


def test_an_invalid_directory_is_reported(tmp_path: Path) -> None:
    for start, capacity in ((-24, 8), (2**30, 8), (24, 2**30), (24, -1), (24, 0)):
        content = COMPLETE_FILE[:12] + struct.pack("<2i", start, capacity) + COMPLETE_FILE[20:]
        item = read_item(tmp_path, content)
        assert isinstance(item, Problem)
        assert "directory" in item.reason
    offset = find_entry(COMPLETE_FILE, DIRECTORY)
    item = read_item(tmp_path, COMPLETE_FILE[: offset + 4] + struct.pack("<i", -1) + COMPLETE_FILE[offset + 8 :])
    assert isinstance(item, Problem)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.0"
    path.write_bytes(COMPLETE_FILE)
    os.truncate(path, 1 << 40)
    (item,) = read_file(path, ReadingOptions())
    assert isinstance(item, Problem)
    assert "1048576 MB" in item.reason
