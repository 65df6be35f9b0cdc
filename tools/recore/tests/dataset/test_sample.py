"""Sample data: the schema, identical files for identical seeds, and realistic statistics of assays and spectra."""

import gzip
import hashlib
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import preprocess
import pytest
import score
from hypothesis import example, given
from hypothesis import strategies as st
from stagemaker_support.fuzzing import examples
from support.checkout import ROOT, environment

from recore.dataset.geology import ROCK_SHARES, ROCKS, fractions, simulate_hole, simulate_layers
from recore.dataset.grammar.units import DETECTION_LIMITS
from recore.dataset.sample_files import SAMPLE_FILES, Plan, make_sample, round_digits, simulate_rows
from recore.dataset.sample_spectra import channel_names, grid


def read(folder: Path) -> list[pd.DataFrame]:
    return [pd.read_csv(folder / name, index_col=0) for name in SAMPLE_FILES]


def channels_of(data: pd.DataFrame) -> list[str]:
    return [name for name in data if name.replace(".", "").isdigit()]


def test_the_files_follow_the_schema(sample: Path) -> None:
    public, private, actual = read(sample)
    assert list(public.columns[:3]) == list(private.columns[:3]) == ["DepthTo", "SiteID", "DepthFrom"]
    assert list(public.columns[-49:]) == list(actual.columns) == list(DETECTION_LIMITS) == list(score.TARGETS)
    channels = channels_of(public)
    assert list(private.columns[3:]) == channels == list(public.columns[3:-49])
    assert len(channels) == 424
    assert sorted(map(float, channels), reverse=True) == list(map(float, channels))
    assert (float(channels[0]), float(channels[-1])) == (4000, 350)
    assert (len(public), len(private)) == (280, 120)
    assert sorted([*public.index, *private.index]) == list(range(400))
    assert list(private.index) == list(actual.index)


def test_the_default_sample_has_the_form_of_the_real_data() -> None:
    for _, inputs, assays in simulate_rows(Plan(rows=24)):
        assert list(inputs)[4:] == [str(wavenumber) for wavenumber in range(4000, 349, -1)]
        assert inputs["SiteID"].dtype.kind == "i"
        assert all(np.isfinite(column).all() for column in [*inputs.values(), *assays.values()])
    rows = Counter[bool]()
    for is_private, inputs, _ in simulate_rows(Plan(channels=7)):
        rows[is_private] += len(inputs["SiteID"])
    assert (rows[False], rows[True]) == (1344, 576)


@pytest.mark.filterwarnings("error")
def test_a_hole_may_be_kilometres_deep() -> None:
    assert np.isfinite(simulate_hole(5000, np.random.default_rng(2)).minerals).all()


@pytest.mark.parametrize(
    ("channels", "names"), [(74, ["4000", "3950"]), (11, ["4000", "3635"]), (8, ["4000.0", "3478.6"])]
)
def test_channels_are_integers_where_their_step_is(channels: int, names: list[str]) -> None:
    assert channel_names(grid(channels))[:2] == names


def test_only_the_end_of_a_spectrum_is_noisy(sample: Path) -> None:
    public, _, _ = read(sample)
    spectra = public[channels_of(public)].to_numpy()
    wavenumbers = np.array(channels_of(public), dtype=float)
    steps = np.abs(np.diff(spectra, axis=1))
    assert steps[:, wavenumbers[1:] > 450].max() < 2 < steps[:, wavenumbers[1:] < 370].max()


def test_holes_separate_public_from_private(sample: Path) -> None:
    public, private, _ = read(sample)
    assert not set(public.SiteID) & set(private.SiteID)
    assert (public.SiteID.nunique(), private.SiteID.nunique()) == (7, 3)
    for _, hole in pd.concat([public, private]).groupby("SiteID"):
        assert (hole.DepthTo > hole.DepthFrom).all()
        np.testing.assert_allclose(hole.DepthFrom[1:], hole.DepthTo[:-1])


def test_files_depend_on_the_plan_alone_and_do_not_change_between_versions(tmp_path: Path) -> None:
    def content(seed: int) -> bytes:
        plan = Plan(rows=60, holes=4, channels=80, seed=seed, missing=0.1)
        make_sample(tmp_path / str(seed), plan, overwrite=True)
        return b"".join(gzip.decompress((tmp_path / str(seed) / name).read_bytes()) for name in SAMPLE_FILES)

    assert hashlib.sha256(content(5)).hexdigest() == "49157b7e9bc67ce1a780b832c82497469de602c446dade96c36a575350772404"
    archives = [(tmp_path / "5" / name).read_bytes() for name in SAMPLE_FILES]
    assert content(5) != content(6)
    assert archives == [(tmp_path / "5" / name).read_bytes() for name in SAMPLE_FILES]


def test_a_processor_without_vector_instructions_makes_the_same_files(tmp_path: Path) -> None:
    plan = Plan(rows=300, holes=4, channels=850, seed=5)
    make_sample(tmp_path / "here", plan)
    code = "import sys; from pathlib import Path; from recore.dataset.sample_files import Plan, make_sample; "
    code += f"make_sample(Path(sys.argv[1]), {plan!r})"
    no_vector_instructions = {
        "NPY_DISABLE_CPU_FEATURES": " ".join(numpy_features()),
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX512F,-FMA,-FMA4",
    }
    command = [sys.executable, "-c", code, tmp_path / "there"]
    subprocess.run(command, cwd=ROOT, env=environment() | no_vector_instructions, check=True, timeout=120)
    for name in SAMPLE_FILES:
        first_bytes, second_bytes = (
            gzip.decompress((tmp_path / folder / name).read_bytes()) for folder in ("here", "there")
        )
        assert first_bytes == second_bytes


def numpy_features() -> list[str]:
    simd = np.show_config(mode="dicts")["SIMD Extensions"]
    return simd.get("found", [])


def test_assays_have_realistic_statistics(tmp_path: Path) -> None:
    make_sample(tmp_path, Plan(rows=1500, holes=12, channels=7))
    assays = pd.concat([read(tmp_path)[0], read(tmp_path)[2]])[list(DETECTION_LIMITS)]
    assert (assays > 0).all(axis=None)
    for metal in ("CuPPM", "AuPPM", "AgPPM", "MoPPM", "AsPPM", "ZnPPM"):
        assert assays[metal].skew() > 1, metal
        assert assays[metal].mean() > 1.2 * assays[metal].median(), metal
    for name, limit in DETECTION_LIMITS.items():
        values_below_limit = assays[name][assays[name] < limit]
        assert (values_below_limit == limit / 2).all(), name
    assert (assays["AuPPM"] < DETECTION_LIMITS["AuPPM"]).mean() > 0.05
    ranks = assays.rank()
    for first, second in (
        ("PbPPM", "AgPPM"),
        ("ZnPPM", "CdPPM"),
        ("ZrPPM", "HfPPM"),
        ("KPPM", "RbPPM"),
        ("MoPPM", "RePPM"),
    ):
        assert np.corrcoef(ranks[first], ranks[second])[0, 1] > 0.6, (first, second)
    assert (assays[["AlPPM", "CaPPM", "KPPM", "MgPPM", "NaPPM"]].sum(axis=1) + 1e4 * assays["FePCT"]).max() < 6e5


@pytest.mark.parametrize("absent_rock", [None, *ROCK_SHARES])
def test_layers_are_of_all_rocks_but_one(absent_rock: str | None) -> None:
    fresh = simulate_layers(100_000, 20.0, np.random.default_rng(0), absent_rock)
    other_rocks = 1 - ROCK_SHARES.get(absent_rock, 0.0)
    for rock, fraction in ROCK_SHARES.items():
        share_of_rows = (fresh == fractions(ROCKS["fresh"][rock])).all(axis=1).mean()
        assert share_of_rows == pytest.approx(fraction / other_rocks if rock != absent_rock else 0.0, abs=0.01), rock


def test_a_sample_without_limestone_has_less_calcium(tmp_path: Path) -> None:
    calcium = []
    for name in (None, "limestone"):
        make_sample(tmp_path / str(name), Plan(rows=2000, holes=30, channels=7, without=name))
        calcium.append(pd.concat(read(tmp_path / str(name))[::2])["CaPPM"].max())
    assert calcium[0] > 1.3 * calcium[1]


@pytest.mark.parametrize("fraction", [0.03, 0.2])
def test_the_share_of_missing_assays_follows_the_plan(fraction: float, tmp_path: Path) -> None:
    make_sample(tmp_path, Plan(rows=300, holes=4, channels=7, missing=fraction))
    public, private, actual = read(tmp_path)
    for assays in (public[list(score.TARGETS)], actual):
        assert assays.isna().mean(axis=None) == pytest.approx(fraction, abs=fraction / 5)
    assert not private.isna().any(axis=None)
    assert not public[channels_of(public)].isna().any(axis=None)


@examples(4)
@given(
    rows=st.integers(2, 90),
    holes=st.integers(2, 90),
    channels=st.integers(max(7, preprocess.BIN), 60),
    seed=st.integers(0, 99),
)
def test_any_plan_makes_readable_files_with_the_planned_number_of_rows(
    rows: int, holes: int, channels: int, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("plan")
    holes = min(holes, rows)
    row_counts = make_sample(folder, Plan(rows=rows, holes=holes, channels=channels, seed=seed))
    public, private, actual = read(folder)
    assert [len(public), len(private), len(actual)] == list(row_counts.values())
    assert len(public) + len(private) == rows
    assert public.SiteID.nunique() + private.SiteID.nunique() == holes
    inputs, targets = preprocess.preprocess(folder / SAMPLE_FILES[0])
    assert inputs.shape == (len(public), channels // preprocess.BIN)
    assert np.isfinite(targets).all(axis=None)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"rows": 3}, "24 holes with 3 rows"),
        ({"holes": 1}, "1 hole with"),
        ({"channels": 6}, "6 channels"),
        ({"channels": 30_001}, "30,001 channels"),
        ({"missing": 1.0}, "the fraction of missing assays is 1.0"),
        ({"missing": float("nan")}, "the fraction of missing assays is nan"),
        ({"seed": -1}, "the seed is -1"),
        ({"without": "basalt"}, "unknown rock 'basalt': the rocks are andesite, granodiorite"),
    ],
)
def test_invalid_plans_are_rejected(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Plan(**arguments)


def test_existing_files_are_kept(tmp_path: Path) -> None:
    plan = Plan(rows=4, holes=2, channels=7)
    (tmp_path / "private").mkdir()
    (tmp_path / SAMPLE_FILES[2]).write_text("mine")
    with pytest.raises(FileExistsError, match=r"actual\.csv\.gz already exists"):
        make_sample(tmp_path, plan)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / SAMPLE_FILES[2]]
    make_sample(tmp_path, plan, overwrite=True)
    assert len(read(tmp_path)[2])


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_a_signal_during_writing_removes_the_data_file(tmp_path: Path, signum: signal.Signals) -> None:
    command = [sys.executable, "-m", "recore", "sample", "--out", tmp_path, "--rows", "100000"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size > 1_000_000 for path in (tmp_path / "public").glob(".*.part/new-0")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signum)
    assert process.wait(timeout=60) != 0
    process.communicate()
    assert not list(tmp_path.rglob("*.gz"))
    assert signum == signal.SIGKILL or not list(tmp_path.rglob("*.part"))


@given(st.floats(1e-6, 1e9), st.integers(1, 6))
@example(512.0625, 5)  # 512.06 is 5.120599999999999e+02 to 16 digits, which is more precise than a double
def test_numbers_are_rounded_to_significant_digits(value: float, digits: int) -> None:
    result = round_digits(np.array([value]), digits)[0]
    assert result == pytest.approx(value, rel=0.51 * 10.0 ** (1 - digits))
    assert result == float(f"{result:.{digits - 1}e}")  # the double nearest to a decimal number of that many digits


@pytest.mark.timing
def test_memory_does_not_grow_with_the_number_of_rows(tmp_path: Path) -> None:
    def peak_memory(rows: int) -> int:
        code = f"""
import resource
from pathlib import Path
from recore.dataset.sample_files import Plan, make_sample
make_sample(Path({str(tmp_path / str(rows))!r}), Plan(rows={rows}, holes=3))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
        return int(subprocess.check_output([sys.executable, "-c", code], cwd=ROOT))

    assert peak_memory(15_000) < 1.25 * peak_memory(5_000)  # the additional rows take 140 MB as numbers
