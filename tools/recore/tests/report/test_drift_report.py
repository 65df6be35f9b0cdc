from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recore_support.monitored_traffic import monitor_sample

from recore.dataset.sample_files import Plan, make_sample
from recore.report import drift_page, write_page

HOSTILE = "<img src=x onerror=alert(1)>&amp;[x](y)"


@pytest.fixture(scope="module")
def spectra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spectra")
    make_sample(folder, Plan(rows=400, holes=40, channels=120, seed=5))
    return folder


def test_no_drift_is_a_good_finding(spectra: Path, tmp_path: Path) -> None:
    result = monitor_sample(spectra)
    page = drift_page(result)
    assert [finding.level for finding in page.findings if finding.name == "drift"] == ["good"]
    assert result.start is None
    assert result.false_alarm_text == "at most 5.0%, however often you look"
    write_page(page, tmp_path / "drift.html")
    samples = pd.read_csv(tmp_path / "drift/samples.csv")
    evidence = pd.read_csv(tmp_path / "drift/evidence.csv")
    assert len(samples) == len(result.traffic.samples)
    assert len(evidence) == len(result.units) == samples["hole"].nunique()
    assert evidence[result.statistics].to_numpy().max() == pytest.approx(result.drift.max_evidence)
    assert 1 <= result.drift.max_evidence < result.drift.threshold
    assert not (tmp_path / "drift/bands.csv").exists()
    deviations = pd.read_csv(tmp_path / "drift/deviations.csv")
    np.testing.assert_allclose(deviations["mean"], result.traffic.deviations.astype(float).mean(axis=0))


def test_a_drift_is_dated_its_bands_are_listed_and_names_are_escaped(spectra: Path, tmp_path: Path) -> None:
    result = monitor_sample(spectra, 0.2, HOSTILE)
    page = drift_page(result)
    assert page.findings[0].level == "bad"
    assert page.findings[0].text.startswith("drift since about 2026-03-")
    half = len(result.traffic.samples) / 2
    assert abs(result.changed_rows[0] - half) < 30
    write_page(page, tmp_path / "drift.html")
    assert "<img src=x" not in (tmp_path / "drift.html").read_text()
    bands = pd.read_csv(tmp_path / "drift/bands.csv")
    deviations = pd.read_csv(tmp_path / "drift/deviations.csv").set_index("wavenumber")["mean"]
    peak = deviations.abs().idxmax()
    assert bands["to (cm-1)"][0] <= peak <= bands["from (cm-1)"][0]
    assert bands["mean deviation / limit"][0] == pytest.approx(deviations[peak], rel=1e-6)
    holes = pd.read_csv(tmp_path / "drift/holes.csv")
    assert holes["outside"].sum() == result.traffic.outside_mask.sum()
    assert (holes["outside"] / holes["samples"]).is_monotonic_decreasing


def test_nothing_is_tested_before_a_drill_hole_is_complete(spectra: Path, tmp_path: Path) -> None:
    result = monitor_sample(spectra, begin=datetime.now(UTC), rows=3)
    assert (len(result.units), result.waiting) == (0, 3)
    page = drift_page(result)
    assert [finding.level for finding in page.findings if finding.name == "drift"] == ["note"]
    write_page(page, tmp_path / "drift.html")
