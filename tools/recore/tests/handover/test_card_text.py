"""The model card's statements about figures that are weak, contradicted by the private data, or not measured."""

import hashlib
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from handover.following import CUT_OFF, write_pages
from recore_support.example_runs import Runs, change_record
from support.data_files import write_csv

from recore.handover.hole_spread import HoleSums, measure_errors
from recore.handover.markdown import render
from recore.handover.target_figures import QUANTILE, TargetFigures, measure_cut_off

HOLES = np.repeat([f"DD{index}" for index in range(12)], 10)
MEASURED_ASSAYS = np.tile(np.arange(10.0), 12)


def measure(predicted: np.ndarray, chosen: float, private_r2: float | None = None) -> TargetFigures:
    """Return a target's figures for twelve holes, each with ten samples of 0 to 9 ppm. chosen: the cut-off."""
    sums = HoleSums(HOLES)
    r2, rmse = measure_errors(MEASURED_ASSAYS, predicted, sums)
    cut_off = measure_cut_off(MEASURED_ASSAYS, predicted, sums, chosen)
    return TargetFigures("CuPPM", "ppm", 1.0, len(MEASURED_ASSAYS), 12, 0.0, 9.0, r2, rmse, private_r2, cut_off)


def cut_off_section(figures: list[TargetFigures]) -> str:
    return render("cut_offs.md.jinja", figures=figures, quantile=QUANTILE)


@pytest.fixture
def changed_run(template_run: Path, tmp_path: Path) -> Path:
    return shutil.copytree(template_run, tmp_path / "run")


def test_a_share_has_an_interval_only_if_enough_holes_count() -> None:
    called = np.isin(HOLES, ["DD1", "DD2", "DD3"]) & (MEASURED_ASSAYS == 9)
    figures = measure(np.where(called, 9.0, 0.0), 7.5)
    precision, recall = figures.cut_off.precision, figures.cut_off.recall
    assert (precision.part, precision.whole, precision.value) == (3, 3, 1.0)
    assert math.isnan(precision.low)
    assert (recall.part, recall.whole) == (3, 24)
    assert 0 < recall.low < recall.value < recall.high
    section = cut_off_section([figures])
    assert "Of the 3 samples predicted above 7.5 ppm, 3 are; of randomly chosen samples, 20% would be." in section
    assert "| 100% (3 of 3) |" in section
    half_right = np.where(called | (np.isin(HOLES, ["DD1", "DD2", "DD3"]) & (MEASURED_ASSAYS == 0)), 9.0, 0.0)
    assert math.isnan(measure(half_right, 7.5).cut_off.precision.low)


def test_a_share_of_0_or_100_per_cent_has_no_interval() -> None:
    figures = measure(MEASURED_ASSAYS, 7.5)
    for share in (figures.cut_off.precision, figures.cut_off.recall, figures.cut_off.wrong):
        assert share.value in (0, 1)
        assert math.isnan(share.low)
    assert "The model puts 0 of the 120 samples on the wrong side; the better constant prediction would put 24" in (
        cut_off_section([figures])
    )


def test_the_better_constant_prediction_is_the_more_frequent_side() -> None:
    noisy = MEASURED_ASSAYS + np.random.default_rng(1).normal(size=len(MEASURED_ASSAYS))
    assert "the better constant prediction would put 20 there" in cut_off_section([measure(noisy, 7.5)])
    assert "the better constant prediction would put 20 there" in cut_off_section([measure(noisy, 1.5)])
    assert "No sample is above 20 ppm; nothing can be measured." in cut_off_section([measure(noisy, 20.0)])
    empty_section = cut_off_section([measure(np.zeros(len(MEASURED_ASSAYS)), 7.5)])
    assert "No sample is predicted above 7.5 ppm, so the model finds none of the 24 that are." in empty_section


def test_private_scores_that_contradict_the_held_out_ones_are_named(changed_run: Path) -> None:
    r2 = {"CuPPM": -0.525, "CaPPM": 0.3, "FePCT": 0.99}
    change_record(changed_run, lambda record: record["scores"]["private"]["r2"].update(r2))
    card = write_pages(changed_run, changed_run / "handover")[1]
    limits = card.partition("## Limits")[2]
    no_use = next(line for line in limits.splitlines() if line.startswith("- Not useful on the private rows"))
    worse = next(line for line in limits.splitlines() if line.startswith("- Worse on the private rows"))
    assert "CuPPM" in no_use
    assert "CaPPM" in worse
    assert "FePCT" not in no_use + worse
    assert "R2 on the private rows: -0.525; these figures do not hold there." in card
    rows = json.loads((changed_run / "run.json").read_text())["scores"]["private"]["rows"]
    assert f"*private R2*: on the {rows:,} private rows, without an interval." in card


def test_a_judged_runs_card_says_that_its_held_out_predictions_were_recomputed(changed_run: Path) -> None:
    recomputed = {"score": 0.1234, "command": "judge"}
    change_record(changed_run, lambda record: record.update(held_out_again=recomputed))
    card = write_pages(changed_run, changed_run / "handover")[1]
    assert "recore recomputed them by training without the predicted drill holes, with the score 0.1234" in card
    assert "checked" not in card.partition("## Licence")[0]


def test_held_out_rows_of_one_hole_say_nothing_of_another(changed_run: Path, many_holes: Path, tmp_path: Path) -> None:
    public = pd.read_csv(many_holes / "public/public.csv.gz", index_col=0, dtype=str)
    data = write_csv(tmp_path / "one.csv.gz", public.assign(SiteID="DD1"))
    sha256 = hashlib.sha256(data.read_bytes()).hexdigest()
    change_record(changed_run, lambda record: record["data"]["public"].update(sha256=sha256))
    card = write_pages(changed_run, changed_run / "handover", data)[1]
    assert "All rows are from one drill hole, so these figures say nothing about other holes." in card
    assert "had not seen its drill hole" not in card
    assert "The held-out rows are from fewer than 10 drill holes" in card
    assert "The intervals come from" not in card


def test_the_pages_of_a_run_on_an_image_state_no_versions_of_its_jobs(changed_run: Path) -> None:
    def change(record: dict[str, Any]) -> None:
        record["arguments"].update(engine="docker", report=True)
        record["versions"]["recore"] = "abc-dirty"
        record["settings"]["training"].update(type="ml.c5.xlarge", count=2)
        record["data"]["private"]["path"] = "moved.csv.gz"

    readme, card = write_pages(change_record(changed_run, change), changed_run / "handover")
    assert "The jobs of the run used an image or another machine, whose versions are not recorded" in readme
    assert "the run's packages" not in readme
    assert "--no-report" not in readme
    assert "The machine that started the run; the jobs ran on the instances below." in card
    assert "| training instances | ml.c5.xlarge x 2 |" in card
    assert "- The jobs ran in an image or on another machine; the versions below are from" in card
    assert "with uncommitted changes, which cannot be obtained" in card
    assert "the run's private file was not found" in card


def test_the_pages_of_a_run_in_processes(template_run: Path, many_holes: Path) -> None:
    readme, card = ((template_run / f"handover/{name}.md").read_text() for name in ("README", "MODEL_CARD"))
    assert "Create an environment with the run's packages (it used Python " in readme
    assert "--no-report" in readme
    rows = len(pd.read_csv(many_holes / "public/public.csv.gz", usecols=[0]))
    score = json.loads((template_run / "run.json").read_text())["scores"]["private"]
    reference = json.loads((template_run / "handover/domain.json").read_text())
    stages = [
        np.exp(t2) <= reference["t2_limit"] and np.exp(q) <= reference["q_limit"] for t2, q, *_ in reference["values"]
    ]
    for words in (
        "The machine that executed the run:",
        "| processing instances | ml.m5.xlarge x 1 |",
        "\nEDGE = 100  # channels at each end ",
        f"Measured on held-out predictions of {rows} of the {rows} rows",
        "which have not been checked",
        "only the private score is independent",
        "With fewer than about 40 holes the intervals are too narrow",
        f"{CUT_OFF:g} ppm",
        f"Of the training spectra, {np.mean(stages):.0%} are inside when their hole is held out.",
        f"| private | {score['value']:.4f} | {score['weights_scored']:g} | {score['rows']} |",
    ):
        assert words in card


def test_the_limits_without_figures_claim_no_intervals(runs: Runs, template_run: Path) -> None:
    limits = write_pages(runs.good, template_run / "handover")[1].partition("## Limits")[2]
    assert "- The accuracy on other drill holes was not measured." in limits
    assert "intervals" not in limits.partition("\n## ")[0]
