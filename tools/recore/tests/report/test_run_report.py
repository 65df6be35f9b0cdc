import base64
import copy
import itertools
import json
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from recore_support.command import recore, recore_process, usage_error
from recore_support.example_runs import HOSTILE, Runs, change_record, make_hostile, read_numbers
from recore_support.run_command import file_options, start
from recore_support.tiny_submission import TARGETS, stub
from sklearn.metrics import r2_score

from recore.evaluation import write_recomputed_held_out
from recore.report.page.content import Page
from recore.report.run.predictions import MAX_OTHERS, MAX_RESIDUALS, rows_to_draw
from recore.report.run.run_report import report_run, write_report


@pytest.fixture
def run_copy(runs: Runs, tmp_path: Path) -> Path:
    return Path(shutil.copytree(runs.good, tmp_path / "runs/mine"))


def findings_of(page: Page) -> dict[str, Any]:
    return {finding.name: finding for finding in page.findings}


def public_score(run: Path) -> float:
    return json.loads((run / "run.json").read_text())["scores"]["public"]["value"]


def table_of(page: Page, name: str) -> pd.DataFrame:
    return next(item.numbers for item in page.items if item.name == name)


# ---- the numbers of a report ----------------------------------------------------------------------------------


def test_targets_match_the_scores(runs: Runs) -> None:
    table = read_numbers(runs.good, "targets").set_index("target")
    for split in ("public", "private"):
        details = json.loads((runs.good / f"scores/{split}.json").read_text())
        for name, estimate in details["targets"].items():
            assert table[f"R2 {split}"][name] == pytest.approx(estimate["r2"], rel=1e-12)
            assert table[f"possible gain {split}"][name] == pytest.approx(
                estimate["weight"] * (1 - estimate["r2"]), rel=1e-12
            )
        assert table[f"contribution {split}"].sum() == pytest.approx(details["score"], rel=1e-9)
    assert table["possible gain private"].is_monotonic_decreasing
    gains, r2 = read_numbers(runs.good, "possible-gains"), read_numbers(runs.good, "r2")
    np.testing.assert_array_equal(gains["possible gain public"], table["possible gain public"])
    np.testing.assert_array_equal(r2["R2 private"], table["R2 private"])


def test_errors_match_the_predictions(runs: Runs, public: pd.DataFrame) -> None:
    table = read_numbers(runs.good, "errors").set_index("target")
    predicted = pd.read_csv(runs.good / "predictions/public.csv.out", header=None, names=TARGETS)
    pairs = read_numbers(runs.good, "predicted-measured")
    assert pairs["index"].tolist() == public.index.tolist()
    assert pairs["SiteID"].tolist() == public["SiteID"].tolist()
    for name in TARGETS:
        mask = public[name].notna().to_numpy()
        actual, estimate = public[name].to_numpy()[mask], predicted[name].to_numpy()[mask]
        assert table["rows"][name] == mask.sum()
        assert table["R2"][name] == pytest.approx(r2_score(actual, estimate), rel=1e-9)
        assert table["RMSE"][name] == pytest.approx(np.linalg.norm(estimate - actual) / np.sqrt(mask.sum()), rel=1e-9)
        slope, intercept = np.polyfit(estimate, actual, 1) if np.ptp(estimate) else (np.nan, np.nan)
        np.testing.assert_allclose(table.loc[name, ["slope", "intercept"]].astype(float), [slope, intercept], rtol=1e-6)
        rpd = np.std(actual, ddof=1) / table["RMSE"][name]
        assert table["RPD"][name] == pytest.approx(rpd, rel=1e-9)
        top = sorted((estimate - actual) ** 2)[-5:]
        assert table["largest 5"][name] == pytest.approx(sum(top) / ((estimate - actual) ** 2).sum(), rel=1e-9)
        np.testing.assert_array_equal(pairs[f"{name} measured"], public[name])
        np.testing.assert_array_equal(pairs[f"{name} predicted"], predicted[name])


def test_steps_match_the_record(runs: Runs) -> None:
    record = json.loads((runs.good / "run.json").read_text())
    table = read_numbers(runs.good, "jobs").set_index("job")
    assert table["seconds"].tolist() == [step["seconds"] for step in record["steps"]]
    assert table["memory %"].dropna().tolist() == [
        step["memory_percent"] for step in record["steps"] if step["memory_percent"] is not None
    ]
    ends = table["began"] + table["seconds"]
    order = ["upload", "train", "private preprocess", "private predict", "private score", "clean up"]
    for earlier, later in itertools.pairwise(order):
        assert ends[earlier] <= table["began"][later] + 0.002
    assert table["began"]["public preprocess"] < ends["private preprocess"]  # the two ran at the same time
    assert ends["clean up"] <= record["seconds"] + 0.002


def test_the_largest_residuals_are_drawn_within_the_limits() -> None:
    random = np.random.default_rng(0)
    measured = random.lognormal(size=20_000)
    predicted = measured + random.standard_t(2, size=20_000)
    measured[::7] = np.nan
    indices = rows_to_draw(measured, predicted)
    residuals = np.abs(predicted - measured)
    assert len(indices) == len(set(indices)) <= MAX_RESIDUALS + MAX_OTHERS
    assert not np.isnan(residuals[indices]).any()
    limit = np.sort(residuals[~np.isnan(residuals)])[-MAX_RESIDUALS]
    assert set(np.flatnonzero(residuals >= limit)) <= set(indices)
    assert rows_to_draw(measured[:3], predicted[:3]).tolist() == sorted([1, 2], key=lambda row: -residuals[row])


# ---- private data in a report ---------------------------------------------------------------------------------


def drawn_numbers(page: Path) -> set[float]:
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', page.read_text(), re.DOTALL)[1])
    values: set[float] = set()

    def collect(value: Any) -> None:
        if isinstance(value, dict) and "bdata" in value:
            values.update(np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"]).tolist())
        elif isinstance(value, dict | list):
            for inner in value.values() if isinstance(value, dict) else value:
                collect(inner)
        elif isinstance(value, int | float):
            values.add(float(value))

    collect(figures)
    return values


def test_private_assays_are_not_in_the_report(runs: Runs, public: pd.DataFrame) -> None:
    """One value can match by chance, but thousands cannot; public assays are the control."""
    public_values = public[list(TARGETS)].to_numpy().ravel()
    private_values = (
        pd.read_csv(runs.actual, index_col=0, float_precision="round_trip")[list(TARGETS)].to_numpy().ravel()
    )
    private_values = private_values[~np.isnan(private_values)]
    assert len(private_values) > 3000
    private_numbers = {repr(float(value)) for value in private_values}
    for folder in (runs.good, runs.failed):
        numbers = np.array(sorted(drawn_numbers(folder / "report.html")))
        assert (
            np.isin(public_values[~np.isnan(public_values)].astype(np.float32), numbers.astype(np.float32)).mean()
            > 0.99
        )
        assert np.isin(private_values.astype(np.float32), numbers.astype(np.float32)).mean() < 0.01
        for file in (folder / "report.html", *(folder / "report").iterdir()):
            content = re.sub(r'id="library">.*?<', "", file.read_text(), flags=re.DOTALL)
            assert not private_numbers & set(re.findall(r"[\d.]+(?:e-\d+)?", content)), file


def test_the_private_scores_error_message_is_withheld(runs: Runs) -> None:
    assert "7731.n.d." in (runs.failed / "logs/private-score.log").read_text()
    for file in (runs.failed / "report.html", *(runs.failed / "report").iterdir()):
        assert "7731.n.d" not in file.read_text()
    failures = read_numbers(runs.failed, "failures").set_index("job")
    assert "withheld" in failures["reason"]["private score"]
    assert "the predictions" in failures["look at"]["private score"]


# ---- unusual runs ---------------------------------------------------------------------------------------


def test_a_failed_run_shows_the_failed_step_and_the_other_results(runs: Runs) -> None:
    page = report_run(runs.failed)
    assert page.sections[0].name == "jobs"
    assert page.findings[0].name == "failed"
    assert page.findings[0].values["job"] == "private score"
    assert set(findings_of(page)["score"].values) == {"public", "possible"}
    assert len(table_of(page, "predicted-measured")) > 100
    assert "are not comparable: 1 run." in next(section.note for section in page.sections if section.name == "previous")


def end_at_training(record: dict[str, Any], state: str, reason: str | None = None) -> None:
    record["state"] = record["steps"][1]["state"] = state
    record["steps"][1]["reason"] = reason
    for step in record["steps"][2:]:
        step |= {"state": "Waiting", "began": None, "seconds": None, "memory_percent": None}
    record["scores"] = {}


def test_the_last_log_lines_of_a_failed_job_are_shown(run_copy: Path) -> None:
    change_record(run_copy, lambda record: end_at_training(record, "Failed", "AlgorithmError: no model"))
    (run_copy / "logs/train.log").write_bytes(b"first\n" * 100_000 + b"\xff\n" + b"last words\n" * 3)
    page = report_run(run_copy)
    assert findings_of(page)["failed"].text == "train failed: AlgorithmError: no model"
    assert table_of(page, "last-lines")["line"].tolist()[-2:] == ["last words"] * 2
    assert "train.py" in table_of(page, "failures")["look at"].item()
    assert findings_of(page)["no score"].level == "bad"
    write_report(run_copy)


def test_the_incomplete_steps_of_a_stopped_run_are_listed(run_copy: Path) -> None:
    change_record(run_copy, lambda record: end_at_training(record, "Stopped"))
    assert findings_of(report_run(run_copy))["stopped"].text.startswith(
        "the run was stopped; not completed: train, public preprocess"
    )


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda run, public: public.unlink(), "the public file no longer exists"),
        (lambda run, public: public.write_bytes(b"other"), "the public file has changed since the run"),
        (lambda run, public: (run / "predictions/public.csv.out").unlink(), "the predictions no longer exist"),
        (lambda run, public: (run / "predictions/public.csv.out").write_text("1,2\n"), "found 1 line of 2"),
        (lambda run, public: (run / "predictions/public.csv.out").write_bytes(b""), "No columns"),
    ],
    ids=["gone", "changed", "no predictions", "wrong predictions", "empty predictions"],
)
def test_missing_files_are_reported_with_everything_else(
    run_copy: Path, runs: Runs, tmp_path: Path, damage: Callable[[Path, Path], Any], reason: str
) -> None:
    public = Path(shutil.copy(runs.public, tmp_path))
    change_record(run_copy, lambda record: record["data"]["public"].update(path=str(public)))
    damage(run_copy, public)
    page = report_run(run_copy)
    assert reason in findings_of(page)["nothing to compare"].text
    assert {"r2", "possible-gains", "timeline"} <= {item.name for item in page.items}
    write_report(run_copy)


@pytest.mark.parametrize(
    ("path", "name"), [(".", "work"), ("..", "home"), ("../mine", "mine"), ("dist/mine.tar.gz", "mine.tar.gz")]
)
def test_the_submission_has_the_name_of_its_folder_or_archive(run_copy: Path, path: str, name: str) -> None:
    def set_paths(record: dict[str, Any]) -> None:
        record["submission"]["path"], record["folder"] = path, "/home/work"

    assert report_run(change_record(run_copy, set_paths)).facts["submission"].startswith(f"{name} (the SHA-256 ")


def test_the_public_file_may_have_moved(run_copy: Path, runs: Runs, tmp_path: Path) -> None:
    change_record(run_copy, lambda record: record["data"]["public"].update(path="nowhere.csv.gz"))
    moved_file = Path(shutil.copy(runs.public, tmp_path / "moved.csv"))
    assert "no longer exists" in findings_of(report_run(run_copy))["nothing to compare"].text
    assert "nothing to compare" not in findings_of(report_run(run_copy, moved_file))


def test_predictions_that_were_not_scored_are_reported(run_copy: Path) -> None:
    path = run_copy / "predictions/public.csv.out"
    path.write_text("".join(f"{line},1.5\n" for line in (row.rsplit(",", 1)[0] for row in path.read_text().split())))
    assert findings_of(report_run(run_copy))["not what was scored"].values == {"targets": [TARGETS[-1]]}


def test_a_run_is_compared_with_the_best_earlier_run_on_the_same_data(run_copy: Path) -> None:
    def add_run(name: str, start_time: str, rise: float, **data: str) -> Path:
        folder = Path(shutil.copytree(run_copy, run_copy.parent / name))

        def change(record: dict[str, Any]) -> None:
            score = record["scores"]["private"]
            score["r2"]["CuPPM"] += rise
            score["value"] += 0.35 * rise
            record["started"] = start_time
            record["data"]["private"].update(data)

        return change_record(folder, change)

    add_run("worst", "2020-01-01T00:00:00+00:00", -0.5)
    add_run("before", "2020-01-02T01:00:00+02:00", -0.1)
    add_run("later", "2999-01-01T00:00:00+00:00", 0.3)
    add_run("elsewhere", "2020-01-01T00:00:00+00:00", 0.9, sha256="0" * 64)
    (run_copy.parent / "broken").mkdir()
    (run_copy.parent / "broken/run.json").write_text("no")
    page = report_run(run_copy)
    assert findings_of(page)["rank"].values == {"rank": 2, "runs": 4, "best": "later"}
    assert findings_of(page)["change"].values == {"run": "before", "change": pytest.approx(0.035)}
    assert findings_of(page)["change"].level == "good"
    changes = table_of(page, "changes")
    assert changes["target"][0] == "CuPPM"
    assert changes["change"].sum() == pytest.approx(0.035)
    assert table_of(page, "change")["target"].tolist() == ["CuPPM"]
    assert table_of(page, "history")["run"].tolist() == ["worst", "before", "mine", "later"]
    assert table_of(page, "leaderboard").iloc[1][["run", ""]].tolist() == ["mine", "this run"]
    note = next(section.note for section in page.sections if section.name == "previous")
    assert "are not comparable: 1 run." in note
    assert "run.json is invalid: 1 folder." in note
    write_report(run_copy)


def test_targets_with_a_useless_score_are_marked_and_those_without_one_folded(run_copy: Path) -> None:
    def change(record: dict[str, Any]) -> None:
        record["scores"]["private"]["r2"]["CuPPM"] = -7.25
        record["scores"]["public"]["r2"]["AuPPM"] = record["scores"]["private"]["r2"]["AuPPM"] = None

    page = report_run(change_record(run_copy, change))
    figure = next(item for item in page.items if item.name == "r2")
    points = next(trace for trace in figure.plot.data if trace.name == "private")
    assert dict(zip(points.text, points.marker.symbol, strict=True))["CuPPM: -7.2500"] == "triangle-left"
    assert f"{(figure.numbers.iloc[:, 1:] < -1).sum().sum()} value" in figure.summary
    assert "AuPPM" not in figure.numbers["target"].tolist()
    folded = next(section.folded for section in page.sections if section.name == "scores")
    assert folded == {"1 target without a score": "AuPPM"}


def test_text_is_never_markup(run_copy: Path, sample: Path) -> None:
    write_report(make_hostile(run_copy, sample))
    html = (run_copy / "report.html").read_text()
    assert HOSTILE[:30] not in html
    assert len(re.findall(r"<script\b", html)) == 3
    assert "<img" not in html
    assert "<a href='http" not in html
    assert not re.search(r'(src|href)="(?!#|data:|report/)', html)


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record["steps"][0].update(name="../../../etc/passwd train"),
        lambda record: record["steps"].append(record["steps"][0]),
        lambda record: record["steps"][0].update(seconds=float("nan")),
        lambda record: record["steps"][0].update(seconds="long"),
        lambda record: record["scores"]["private"]["r2"].update(CuPPM=float("inf")),
        lambda record: record["scores"]["private"]["r2"].update({HOSTILE: 0.5}),
        lambda record: record["scores"]["private"]["weights"].pop("CuPPM"),
        lambda record: record["data"].pop("public"),
        lambda record: record.update(started="yesterday"),
        lambda record: record.update(started="0001-01-01T00:00:00+14:00"),
        lambda record: record.update(submission=[]),
        lambda record: record["submission"].update(path="\ud800"),
        lambda record: record.clear(),
    ],
)
def test_a_file_that_is_not_a_record_is_rejected(run_copy: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = (run_copy / "report.html").read_bytes()
    change_record(run_copy, change)
    with pytest.raises(ValueError, match=r"run\.json: not a valid run record"):
        write_report(run_copy)
    assert (run_copy / "report.html").read_bytes() == content


# ---- the commands ---------------------------------------------------------------------------------------------


def test_the_report_command_writes_the_report(run_copy: Path) -> None:
    shutil.rmtree(run_copy / "report")
    (run_copy / "report.html").unlink()
    result = recore_process("report", run_copy)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == f"report: {run_copy}/report.html; its data are in {run_copy}/report"
    assert all(line[:6].strip() in {"bad", "note", "good"} for line in result.stdout.splitlines()[:-1])
    assert read_numbers(run_copy, "targets").shape == (49, 8)


def test_json_output_and_errors_of_the_report_command(run_copy: Path) -> None:
    reported = json.loads(recore("report", run_copy, "--json").stdout)
    assert {"score", "possible gain", "completed"} <= {finding["name"] for finding in reported}
    (run_copy / "run.json").write_text("[]")
    for folder, reason in ((run_copy, "not a valid run record"), (run_copy / "logs", "no such file")):
        assert reason in usage_error(recore("report", folder))


@pytest.mark.slow
def test_an_interrupted_report_does_not_fail_the_run(tmp_path: Path, sample: Path) -> None:
    (tmp_path / "slow/plotly").mkdir(parents=True)
    begun_file = tmp_path / "here"
    (tmp_path / "slow/plotly/__init__.py").touch()
    (tmp_path / "slow/plotly/graph_objects.py").write_text(
        f"""
import os, time

class Figure:
    def __init__(self, *_, **__):
        open({str(begun_file)!r}, 'w')
        while os.path.exists({str(begun_file)!r}):
            time.sleep(0.01)

    def __getattr__(self, name):
        return lambda *_, **__: self
"""
    )
    out = tmp_path / "runs/mine"
    options = [*file_options(sample, "public"), "--out", out]
    interrupted_run = start(tmp_path / "output", stub(tmp_path / "tiny"), *options, PYTHONPATH=str(tmp_path / "slow"))
    while not begun_file.exists():
        assert interrupted_run.process.poll() is None, interrupted_run.stderr
        time.sleep(0.1)
    interrupted_run.process.send_signal(signal.SIGINT)
    begun_file.unlink()
    assert interrupted_run.end() == (0, [])
    assert "recore: report failed: interrupted" in interrupted_run.stderr
    names = "logs model.tar.gz predictions run.json score.py scores".split()
    assert sorted(path.name for path in out.iterdir()) == names


def test_a_run_without_private_data_has_no_private_results(run_copy: Path) -> None:
    def remove_private_data(record: dict[str, Any]) -> None:
        del record["scores"]["private"], record["data"]["private"], record["data"]["actual"]
        record["steps"] = [step for step in record["steps"] if "private" not in step["name"]]

    page = report_run(change_record(run_copy, remove_private_data))
    assert [name for name in table_of(page, "targets") if "private" in name] == []
    assert "private file" not in page.facts


def test_predictions_of_0_are_a_finding_where_the_weight_of_the_target_matters(run_copy: Path) -> None:
    path = run_copy / "predictions/public.csv.out"
    predicted = pd.read_csv(path, header=None).abs()
    for target, rows in {"CuPPM": 30, "AuPPM": 10, "YPPM": 200}.items():  # 280 rows; YPPM has a small weight
        predicted.iloc[:rows, TARGETS.index(target)] = 0.0
    predicted.to_csv(path, header=False, index=False)
    page = report_run(run_copy)
    finding = findings_of(page)["predicted as 0"]
    zero_counts = table_of(page, "errors").set_index("target")["predicted 0"]
    assert finding.values == {"targets": ["CuPPM"]}
    assert zero_counts["YPPM"] > zero_counts["CuPPM"] > zero_counts["AuPPM"] > 0
    rows = table_of(page, "errors").set_index("target")["rows"]["CuPPM"]
    assert f"CuPPM {zero_counts['CuPPM']} of {rows} rows (weight 0.35)" in finding.text


def test_held_out_predictions_are_drawn_if_there_are_any(run_copy: Path, public: pd.DataFrame) -> None:
    predicted = public[list(TARGETS)] * 0.9
    predicted.iloc[::4, TARGETS.index("CuPPM")] = np.nan
    predicted.to_csv(run_copy / "predictions/held-out.csv", index_label="index")

    def add_held_out_score(record: dict[str, Any]) -> None:
        score = record["scores"]["held-out"] = copy.deepcopy(record["scores"]["public"])
        for name in TARGETS:
            is_known = public[name].notna() & predicted[name].notna()
            score["r2"][name] = r2_score(public[name][is_known], predicted[name][is_known])

    change_record(run_copy, add_held_out_score)
    page = report_run(run_copy)
    assert "not what was scored" not in findings_of(page)
    section = next(section for section in page.sections if section.name == "predicted")
    assert section.title == "Predicted and measured, held-out rows"
    assert section.note.startswith("The submission itself computed these held-out predictions")
    assert page.facts["held-out score"].endswith(", unverified: computed by the submission itself")
    assert "* unverified: computed by the submission itself)" in findings_of(page)["score"].text  # third-party
    board = table_of(page, "leaderboard").iloc[0]
    assert (board["held-out"], board["held-out by"]) == (public_score(run_copy), "the submission (unverified)")
    write_recomputed_held_out(run_copy, 0.25, "validate", 10)
    page = report_run(run_copy)
    assert page.facts["held-out score"] == "0.2500, recomputed by recore"
    board = table_of(page, "leaderboard").iloc[0]
    assert (board["held-out"], board["held-out by"]) == (0.25, "recore")
    errors = table_of(page, "errors").set_index("target")
    assert errors["rows"]["CuPPM"] == (public["CuPPM"].notna() & predicted["CuPPM"].notna()).sum()
    assert "R2 held-out" in table_of(page, "targets")
    assert "held-out" in findings_of(page)["score"].text
    (run_copy / "predictions/held-out.csv").write_text("index,CuPPM\n1,2\n")
    assert "found 1 line of 1" in findings_of(report_run(run_copy))["nothing to compare"].text
