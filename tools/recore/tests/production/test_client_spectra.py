"""Samples in captured requests, and tables of assays, tested without an endpoint."""

import gzip
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from recore_support.schema import IDS, TARGETS
from stagemaker_support.archives import archive_of

from recore.production.arrived_assays import read_assays
from recore.production.batch_transform import read_columns
from recore.production.client_spectra import (
    ClientSpectra,
    SpectraReader,
    TrainingSummary,
    make_training_summary,
    read_training_summary,
)
from recore.production.containers.domain import fit_reference
from recore.production.data_capture import Body, CaptureEvent
from recore.production.project import ProductionError

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
CHANNELS = [f"{wavenumber:.1f}" for wavenumber in np.linspace(4000, 600, 40)]
NAMES = ["index", *IDS, *CHANNELS]


@pytest.fixture(scope="module")
def training() -> TrainingSummary:
    random = np.random.default_rng(0)
    spectra = 0.5 + np.cumsum(random.normal(size=(60, 40)), axis=1) / 50
    names = np.array([f"H{number}" for number in np.arange(60) // 5])
    return make_training_summary(NAMES, fit_reference(np.array(CHANNELS, dtype=float), spectra, names))


def read(training: TrainingSummary, *events: tuple[str, int, np.ndarray, str]) -> ClientSpectra:
    """Return the samples in events. events: each event's ID, time in minutes, spectrum and drill hole."""
    reader = SpectraReader(training, Counter())
    for event_id, minutes, spectrum, hole in events:
        ids = dict.fromkeys(IDS, "") | {"SiteID": hole}
        table = pd.DataFrame([[event_id, *ids.values(), *spectrum]], columns=NAMES)
        body = Body(table.to_csv(index=False).encode(), "text/csv")
        time = START + timedelta(minutes=minutes)
        reader.add(CaptureEvent("A", event_id, "", time, body, Body(b"", "")))
    return reader.finish()


def spectrum(seed: int) -> np.ndarray:
    return 0.5 + np.cumsum(np.random.default_rng(seed).normal(size=40)) / 50


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_the_first_of_equal_spectra_counts_in_any_order(training: TrainingSummary, order: tuple[int, ...]) -> None:
    events = [
        ("b", 5, spectrum(1), "B"),
        ("c", 6, spectrum(1), "C"),
        ("d", 9, spectrum(1), "D"),
        ("a", 7, spectrum(2), ""),
    ]
    spectra = read(training, *(events[index] for index in order))
    assert list(zip(spectra.samples["index"], spectra.samples["hole"], strict=True)) == [("b", "B"), ("a", "")]
    assert spectra.repeated == 2
    single = read(training, events[3])
    np.testing.assert_array_equal(spectra.statistics[1], single.statistics[0])
    np.testing.assert_array_equal(spectra.deviations[1], single.deviations[0])
    np.testing.assert_array_equal(spectra.scores[1], single.scores[0])


def test_spectra_that_cannot_be_compared_are_left_out_and_counted(training: TrainingSummary) -> None:
    gap, huge_values = spectrum(3), 1e200 * spectrum(4)
    gap[7] = np.nan
    spectra = read(training, ("gap", 0, gap, ""), ("huge", 1, huge_values, ""), ("flat", 2, np.ones(40), ""))
    assert not len(spectra.samples)
    assert spectra.left_out == {"a spectrum that is flat or has a gap": 3}


def test_samples_of_one_second_keep_the_order_of_reading(training: TrainingSummary) -> None:
    """Captured times have no fractions of seconds."""
    names = [f"{(7 * index) % 40}" for index in range(40)]
    spectra = read(training, *((name, 0, spectrum(index), "H") for index, name in enumerate(names)))
    assert spectra.samples["index"].tolist() == names


@pytest.mark.parametrize(
    ("content", "reason"), [(b"damaged", ": could not be read: "), (bytes(1024), " does not contain channels.json")]
)
def test_an_archive_without_columns_is_reported_with_its_version(content: bytes, reason: str) -> None:
    version = SimpleNamespace(number=3, archives=["s3://models/model.tar.gz"])
    with pytest.raises(ProductionError, match=f"version 3, s3://models/model.tar.gz{reason}"):
        read_columns(SimpleNamespace(read=lambda uri: content), version)


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        (None, "version 3 has no reference for its spectra"),
        ("{}", "version 3, s3://models/model.tar.gz: the reference of its spectra is invalid: `channels` is missing"),
        ("[]", "version 3, s3://models/model.tar.gz: the reference of its spectra is invalid: an object is required"),
    ],
)
def test_an_archive_without_a_usable_reference_is_reported_with_its_version(reference: str | None, reason: str) -> None:
    """The version had too few training spectra or predates saved references, or its archive was altered."""
    files = {"channels.json": json.dumps({"columns": NAMES})} | ({"reference.json": reference} if reference else {})
    version = SimpleNamespace(number=3, archives=["s3://models/model.tar.gz"])
    with pytest.raises(ProductionError, match=reason):
        read_training_summary(SimpleNamespace(read=lambda uri: archive_of(**files)), version)


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    lines = [
        "\ufeff,CuPPM,DepthTo, SiteID ,Lab,DepthFrom,AuPPM",
        "0,5,2.50,H1,x,1,",
        "",
        "1,NA,3,H1,x,2.5,0.25",
        "0,5,2.5,H1,x,1.0,",
    ]
    content = "\r\n".join(lines)
    plain_file, compressed = tmp_path / "assays.csv", tmp_path / "assays.csv.gz"
    plain_file.write_text(content, newline="")
    compressed.write_bytes(gzip.compress(content.encode()))
    for file in (plain_file, compressed):
        assays = read_assays(file)
        assert assays.joined_by == "SiteID and depths"
        assert assays.rows == {("H1", 1.0, 2.5): 0, ("H1", 2.5, 3.0): 1}
        assert assays.samples == [("H1", 1.0, 2.5), ("H1", 2.5, 3.0)]
        columns = [TARGETS.index(name) for name in ("CuPPM", "AuPPM")]
        np.testing.assert_array_equal(assays.values[:, columns], [[5, np.nan], [np.nan, 0.25]])
        assert np.isnan(np.delete(assays.values, columns, axis=1)).all()


def test_an_inference_id_is_preferred(tmp_path: Path) -> None:
    file = tmp_path / "assays.csv"
    file.write_text("InferenceId,SiteID,DepthFrom,DepthTo,ZnPPM\nfirst,H1,1,2,5\nsecond,,,,6\n")
    assays = read_assays(file)
    assert (assays.joined_by, assays.rows) == ("InferenceId", {"first": 0, "second": 1})
    assert assays.samples == [("H1", 1.0, 2.0), None]
