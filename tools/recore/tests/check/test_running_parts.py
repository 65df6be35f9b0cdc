"""Parts of the rules that run a submission: they read archives, predictions and inputs, and judge numbers."""

import contextlib
import csv
import gzip
import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stagemaker_support.fuzzing import examples

from recore.check.experiment_jobs import ExperimentJobs
from recore.check.failures import ExperimentError
from recore.check.inputs import (
    InputRow,
    effect_of_assays,
    effect_of_holes,
    find_differences,
    first_difference,
    read_inputs,
)
from recore.check.job_results import ServedResponse, Variation, read_observations
from recore.check.predictions import InvalidPredictions, format_difference, read_predictions
from recore.check.public_data import PublicData, rename_holes
from recore.check.rule import Level
from recore.check.running_rules.rc406_model_size import judge as judge_size
from recore.check.running_rules.rc507_ids_among_inputs import find_ids
from recore.check.running_rules.rc508_zero_blocks import find_zero_block, longest_runs
from recore.check.running_rules.rc509_inputs_invalid import judge as judge_inputs
from recore.check.running_rules.rc603_predictions_swapped import find_scaled, find_swapped, r2_of_all_pairs
from recore.check.running_rules.rc604_predictions_implausible import is_rounded, judge
from recore.check.running_rules.rc605_batches_differ import find_moved_rows
from recore.check.served_requests import plan_requests
from recore.check.training_plan import REAL_ROWS, TrainingPlan, extrapolate
from recore.dataset.sample_files import Plan, make_sample
from recore.spectral_data import SpectralData, read_data


def test_rounded_predictions_are_distinguished_from_assays_of_other_rows() -> None:
    random = np.random.default_rng(0)
    actual, estimate = random.gamma(2, 300, 50).round(1), random.gamma(2, 300, 50)
    assert is_rounded(estimate.round(), actual)
    assert is_rounded(np.array([float(f"{value:.1e}") for value in estimate]), actual)
    assert not is_rounded(estimate, actual)
    assert not is_rounded(actual[::-1], actual)
    assert not is_rounded(np.where(estimate > 300, 0.0, actual), actual)
    assert not is_rounded(estimate.round(), actual.round())


def test_a_large_model_causes_a_warning_or_an_error() -> None:
    assert judge_size(50 << 20) is None
    assert judge_size(2 << 30)[1] is Level.WARNING
    assert judge_size(5 << 30)[1] is Level.ERROR


def test_extrapolation_is_linear_and_ignores_noise() -> None:
    assert extrapolate((1000, 20.0), [(500, 10.0), (500, 10.0)]) == pytest.approx(20 * REAL_ROWS / 1000)
    assert extrapolate((1000, 20.0), [(500, 20.0), (500, 19.0)]) == 20.0
    assert extrapolate((1000, 20.0), [(500, 15.0), (500, 10.0)]) == 20.0
    assert extrapolate((1000, 20.0), [(1000, 20.0)]) is None
    assert extrapolate((1000, 20.0), []) is None
    assert extrapolate((1000, 20.0), [(500, 19.7), (500, 19.8)], noise=0.4) == 20.0
    assert extrapolate((REAL_ROWS, 20.0), []) == 20.0
    assert extrapolate((50_000, 20.0), [(25_000, 10.0)]) == 20.0


def test_predictions_are_read_without_changes(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text('1,,"3e2"\r\nnan,inf,-1\n')
    table = read_predictions(path)
    np.testing.assert_array_equal(table, [[1, np.nan, 300], [np.nan, np.inf, -1]])
    for rows, line in (("1,2\n3\n", 2), ("1,2\n\n3,4\n", 2), ("CuPPM,x\n", 1), ("1,2\n3,\x00\n", 2), ("1,\xff\n", 1)):
        path.write_bytes(rows.encode("latin-1"))
        with pytest.raises(InvalidPredictions) as caught:
            read_predictions(path)
        assert caught.value.line == line


@examples(200)
@given(content=st.binary(max_size=200))
def test_any_predictions_are_read_or_rejected(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    with contextlib.suppress(InvalidPredictions):
        assert read_predictions(path).ndim == 2
    inputs = read_inputs(path)
    assert inputs.problem or len(inputs.header) > 1


def test_predictions_agree_up_to_rounding() -> None:
    expected = np.array([[1.0, 1e6], [2.0, np.nan]])
    assert format_difference(expected, expected * (1 + 1e-11), "ab") == ""
    assert "b in row 1" in format_difference(expected, expected * [1, 1 + 1e-6], "ab")
    assert "a in row 2 is nan" in format_difference(expected, np.array([[1.0, 1e6], [np.nan, np.nan]]), "ab")
    assert "the predictions have 1 line of 2 numbers, but 2 rows of 2 targets are expected" in format_difference(
        expected, expected[:1], "ab"
    )


def test_inputs_agree_up_to_rounding() -> None:
    assert first_difference(InputRow("1", "1.0,2.5"), InputRow("1", "1,2.50")) is None
    assert first_difference(InputRow("1", "1.0,2.5"), InputRow("1", "1.0,2.6")) == 2
    assert first_difference(InputRow("1", "1.0,2.5"), InputRow("1", "1.0")) == 2
    assert first_difference(InputRow("1", "a"), InputRow("1", "b")) == 1
    assert first_difference(InputRow("1", "0.402807,-1.23457"), InputRow("1", "0.402808,-1.23458")) is None
    assert first_difference(InputRow("1", "0.402809"), InputRow("1", "0.40281")) is None
    for first, second in (
        ("0.402807", "0.402809"),
        ("0.40281", "0.40282"),
        ("100000", "100001"),
        ("0.000123", "0.000124"),
    ):
        assert first_difference(InputRow("1", first), InputRow("1", second)) == 1


def test_swapped_columns_are_found_among_good_and_bad_predictions() -> None:
    generator = np.random.default_rng(0)
    measured = generator.lognormal(size=(200, 6)) * [1, 10, 100, 1000, 5, 50]
    measured[generator.random(measured.shape) < 0.1] = np.nan
    predicted = np.nan_to_num(measured) * generator.normal(1, 0.1, measured.shape)
    predicted[:, 5] = generator.lognormal(size=200) * 5000  # very bad predictions, but they match no other target
    assert find_swapped(predicted, r2_of_all_pairs(predicted, measured)) == []
    predicted[:, [0, 3]] = predicted[:, [3, 0]]
    assert find_swapped(predicted, r2_of_all_pairs(predicted, measured)) == [(0, 3), (3, 0)]


def test_predictions_in_another_unit_are_not_taken_for_swapped_columns() -> None:
    generator = np.random.default_rng(0)
    measured = generator.lognormal(sigma=0.4, size=(200, 6)) * [2, 10, 100, 1000, 5, 50]
    measured[generator.random(measured.shape) < 0.1] = np.nan
    predicted = np.nan_to_num(measured, nan=3.0) * generator.normal(1, 0.1, measured.shape)
    for transform, name in (
        (lambda values: (values - np.nanmean(measured, axis=0)) / np.nanstd(measured, axis=0), "standardised"),
        (lambda values: (values - np.nanmin(measured, axis=0)) / np.nanmax(measured, axis=0), "scaled to 0 to 1"),
        (lambda values: values - np.nanmean(measured, axis=0), "minus its mean"),
        (lambda values: np.log(np.abs(values) + 1e-3), "as a natural logarithm"),
        (lambda values: values / 1000, "divided by 1,000"),
    ):
        transformed = transform(predicted)
        scores = r2_of_all_pairs(transformed, measured)
        scaled = find_scaled(transformed, measured, scores)
        assert len(scaled) >= 4
        assert sum(transformation.startswith(name) for transformation in scaled.values()) >= len(scaled) - 1
        assert find_swapped(transformed, scores) == []
    changed = predicted.copy()
    changed[:, 3] /= 1000  # as large as column 0
    assert find_scaled(changed, measured, r2_of_all_pairs(changed, measured)) == {3: "divided by 1,000"}
    changed[:, 3] = measured[:, 0]
    assert find_swapped(changed, r2_of_all_pairs(changed, measured)) == []  # 0 fits
    changed = np.column_stack([predicted[:, 3], np.zeros((200, 5))])
    assert find_swapped(changed, r2_of_all_pairs(changed, measured)) == [(0, 3)]  # and all other columns are constant
    poor = np.nan_to_num(generator.permuted(measured, axis=0))  # and so does a model that has learnt nothing
    for predictions in (predicted, poor, poor * 2, np.zeros_like(measured), predicted[:, [1, 0, *range(2, 6)]]):
        assert find_scaled(predictions, measured, r2_of_all_pairs(predictions, measured)) == {}


def test_invalid_inputs_are_found() -> None:
    inputs = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})
    assert list(judge_inputs(["a", "b"], inputs)) == []
    [(message, _)] = judge_inputs(["a", "b", "a"], inputs)
    assert message == "several columns of the inputs have the same name: a"
    [(message, _)] = judge_inputs(["a"], pd.DataFrame({"a": [1.0, -np.inf, np.nan]}))
    assert message == "a in row 2 of the inputs is -inf; not finite: 2 cells of 3"
    [(message, _)] = judge_inputs(["a"], pd.DataFrame({"a": [np.nan, 1.0]}))
    assert message.startswith("a in row 1 of the inputs is empty")


def test_implausible_predictions_are_reported() -> None:
    measured = np.tile(np.linspace(1, 2, 50)[:, None], 5)
    predicted = measured + 0.1
    assert list(judge(predicted, measured, "abcde")) == []
    changed = predicted.copy()
    changed[:, 1], changed[3, 2], changed[4, 3] = 1.5, -0.1, 3.1
    messages = [message for message, _ in judge(changed, measured, "abcde")]
    assert [message.partition(":")[2].split()[0] for message in messages] == ["b", "c", "d"]
    messages = [message for message, _ in judge((measured + 0.1).round(1), measured, "abcde")]
    assert messages == ["Predictions are rounded, but the assays are not: a, b, c, d, e"]
    measured[:, 4] = np.nan
    assert list(judge(predicted, measured, "abcde")) == []  # the last target was never measured


def test_variations_and_parts_keep_rows_that_contain_newlines(tmp_path: Path) -> None:
    generator = random.Random(0)
    rows = [f'"r{n}","h\n{n % 3}",{generator.random()},{n if n % 5 else ""}\n' for n in range(60)]
    path = tmp_path / "public.csv.gz"
    path.write_bytes(gzip.compress(("id,SiteID,4000.0,CuPPM\n" + "".join(rows)).encode()))
    data = PublicData(path, ("AuPPM", "CuPPM"))
    assert data.index == [f"r{n}" for n in range(60)]
    assert np.isnan(data.measured[:, 0]).all()
    assert np.isnan(data.measured[0, 1])
    assert data.measured[1, 1] == 1
    data.write_rows(tmp_path / "part.csv.gz", [2, 3, 59])
    assert PublicData(tmp_path / "part.csv.gz", data.targets).index == ["r2", "r3", "r59"]
    (tmp_path / "variations").mkdir()
    data.write_variations(tmp_path / "variations", [0, 1, 3, 59])
    variations = {
        file.name.split(".")[0]: PublicData(file, data.targets) for file in (tmp_path / "variations").iterdir()
    }
    few_ids = [data.index[number] for number in data.subset]
    assert variations["some"].index == few_ids
    assert variations["reversed"].index == few_ids[::-1]
    assert variations["single"].index == [few_ids[len(few_ids) // 2]]
    assert {name for name, each in variations.items() if "CuPPM" in each.header} == {"some"}
    assert variations["private"].index == ["r0", "r1", "r3", "r59"]
    assert variations["private"].hole.tolist() == ["h\n3", "h\n4", "h\n3", "h\n5"]
    assert variations["reversed"].hole.tolist() == data.hole[data.subset][::-1].tolist()


def test_drill_holes_get_unused_names_of_the_same_form() -> None:
    assert rename_holes(["1", "2", "9", "2"]) == {"": "", "1": "3", "2": "4", "9": "10"}
    assert rename_holes(["DH-07", "DH-08", "x", ""]) == {"": "", "DH-07": "DH-09", "DH-08": "DH-10", "x": "x1"}


Row = dict[str, str]


def one_hot(rows: list[Row]) -> Iterator[Row]:
    for row in rows:
        yield {"id": row["id"], "a": row["4000"]} | {f"in {each['SiteID']}": "1" for each in rows}


def with_input(value: Callable[[Row, list[Row]], Any]) -> Callable[[list[Row]], list[dict[str, Any]]]:
    """Return a preprocess function with one input. value: computes a row's input from the row and all rows."""
    return lambda rows: [{"id": row["id"], "a": value(row, rows)} for row in rows]


@pytest.mark.parametrize(
    ("preprocess", "some", "assays", "holes", "reversed_"),
    [
        (with_input(lambda row, _: row["4000"]), "", "", "", ""),
        (one_hot, "", "", "the CSV lacks in h0, in h1, in h2 and also has in h3, in h4", "the columns"),
        (with_input(lambda row, _: row.get("CuPPM", "0")), "", "a in row 3 is 0", "", "a in row 59 is 0"),
        (with_input(lambda _, rows: len(rows) * int(rows[0]["id"] + "1")), "a in row 0 is", "", "", "a in row 59 is"),
        (with_input(lambda row, _: int(row["SiteID"][1:]) // 3 and 1 / 0), "", "", "preprocess.py fails: ", ""),
        (with_input(lambda _, rows: rows[0]["id"] == "0" or 1 / 0), "", "", "", "preprocess.py fails: "),
    ],
)
def test_the_variations_whose_inputs_differ_reveal_the_cause(
    preprocess: Callable[[list[Row]], Iterable[Row]], some: str, assays: str, holes: str, reversed_: str, tmp_path: Path
) -> None:
    """preprocess: a function of a file's rows. Its exceptions count as failed jobs."""
    rows = "".join(f"{n},h{n * 3 // 60},{n * n},{n}\n" for n in range(60))
    (tmp_path / "full.csv.gz").write_bytes(gzip.compress(f"id,SiteID,4000,CuPPM\n{rows}".encode()))
    plan = TrainingPlan(PublicData(tmp_path / "full.csv.gz", ("CuPPM",)), "", thorough=False)
    plan.data.write_variations(tmp_path, plan.private_rows)
    variations = {}
    for path in sorted(tmp_path.iterdir()):
        try:
            with gzip.open(path, "rt", newline="") as file:
                table = pd.DataFrame(preprocess(list(csv.DictReader(file))))
            table.to_csv(tmp_path / f"{path.name}.csv", index=False)
            variations[path.name.split(".")[0]] = Variation(tmp_path / f"{path.name}.csv")
        except ZeroDivisionError as error:
            variations[path.name.split(".")[0]] = Variation(None, str(error))
    output = variations["full"].output
    assert output
    differences = find_differences(output, variations, plan.data.subset, plan.private_rows)
    effects = [differences["some"], effect_of_assays(differences), effect_of_holes(differences)]
    for effect, expected in zip([*effects, differences["reversed"]], (some, assays, holes, reversed_), strict=True):
        assert effect.startswith(expected), differences
        assert bool(effect) == bool(expected), differences


def test_requests_can_be_planned_for_any_inputs_file(tmp_path: Path) -> None:
    for content in (b"index,a\n1,2\n", b"index,a", b"", b"index,a\r\n1,2\r\n2,\xff\r\n"):
        path = tmp_path / "inputs.csv"
        path.write_bytes(content)
        assert {"few", "single", "charset"} <= {request.name for request in plan_requests(path, [0, 1])}


@pytest.mark.parametrize(
    ("respond", "expected"),
    [
        (lambda rows: rows, ""),
        (lambda rows: sorted(rows, key=int), "sort the rows"),
        (lambda rows: sorted(rows, key=int, reverse=True), "sort the rows"),
        (lambda rows: list(dict.fromkeys(rows)), "only 5 predictions: the hooks drop rows"),
        (lambda rows: rows if len(rows) == len(set(rows)) else ["the index is not unique"], "no valid predictions"),
        (lambda rows: [str(int(row) * len(rows)) for row in rows], ""),  # another finding of the rule
    ],
)
def test_hooks_that_sort_or_drop_rows_are_found(
    respond: Callable[[list[str]], list[str]], expected: str, tmp_path: Path
) -> None:
    inputs = tmp_path / "inputs.csv"
    inputs.write_text("index,a\n" + "".join(f"r{n},{n}\n" for n in (30, 4, 18, 26, 9)))  # not sorted
    responses = {}
    for request in plan_requests(inputs, range(5)):
        body = tmp_path / request.name
        rows = [line.split(",")[1] for line in request.body.decode().splitlines() if not line.startswith("index")]
        body.write_text("".join(f"{line}\n" for line in respond(rows)))
        responses[request.name] = ServedResponse(200, body, "")
    moved = find_moved_rows(responses["few"], responses["mixed"], 5)
    assert expected in moved[0] if moved else not expected


@pytest.mark.parametrize(
    "report", ["[]", "{", '{"some": "x"}', "[" * 100_000, '{"train": {"status": "x"}}', "\xff", '[{"model": 1}]']
)
def test_a_forged_report_is_rejected(report: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_bytes(report.encode("latin-1"))
    jobs = ExperimentJobs(None, None, None, tmp_path, print)  # type: ignore[arg-type]
    with pytest.raises(ExperimentError, match="did not write a valid report"):
        jobs.read_report(tmp_path / "results.json", read_observations)


@pytest.mark.parametrize(
    ("rows", "holes", "part", "held_out"),
    [(1200, 20, 200, 150), (254, 8, 127, 150), (60, 20, 30, 18), (40, 1, 20, 40), (4, 4, 2, 4)],
)
def test_later_trainings_use_few_rows(rows: int, holes: int, part: int, held_out: int, tmp_path: Path) -> None:
    path = tmp_path / "public.csv.gz"
    lines = "".join(f"r{row},h{row * holes // rows},{row}\n" for row in range(rows))
    path.write_bytes(gzip.compress(f"id,SiteID,CuPPM\n{lines}".encode()))
    data = PublicData(path, ("CuPPM",))
    plan = TrainingPlan(data, 'parser.add_argument("--folds")', thorough=False)
    assert len(plan.part) == part
    assert len(set(data.hole[plan.part])) == holes or rows == 4
    assert 0.6 * held_out <= len(plan.held_out) <= held_out
    by_hole = [[row for row in plan.held_out if data.hole[row] == hole] for hole in set(data.hole[plan.held_out])]
    assert len(by_hole) == min(holes, 6)
    assert all(len({b - a for a, b in itertools.pairwise(each)}) <= 1 for each in by_hole)  # evenly spaced
    assert sorted(row for _, fold in plan.folds for row in fold) == (plan.held_out if holes > 1 else [])
    assert all(not set(data.hole[training]) & set(data.hole[fold]) for training, fold in plan.folds)
    thorough = TrainingPlan(data, "", thorough=True)
    assert (len(thorough.held_out), plan.arguments, thorough.arguments) == (rows, {"folds": "0"}, {})


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> SpectralData:
    """Return 60 rows of 100 channels from 6 drill holes."""
    folder = tmp_path_factory.mktemp("core")
    make_sample(folder, Plan(rows=90, holes=9, channels=100))
    return read_data(folder / "public/public.csv.gz")


def make_inputs(data: SpectralData, **columns: Any) -> pd.DataFrame:
    """Return bins of ten channels, and other columns. The first and the last bin equal their neighbours."""
    bins = data.spectra.reshape(data.rows, -1, 10).sum(axis=2)
    bins[:, [0, -1]] = bins[:, [1, -2]]
    return pd.DataFrame(bins, columns=[f"bin_{index}" for index in range(10)]).assign(**columns)


@pytest.mark.parametrize(
    ("source", "column"),
    [
        ("hole", lambda data: data.hole),
        ("hole", lambda data: pd.factorize(data.hole)[0] * 0.5),
        ("hole", lambda data: (data.hole == data.hole[0]).astype(float)),
        ("depth", lambda data: data.depth_to),
        ("depth", lambda data: np.round(7 - 0.3 * data.depth, 3)),
        ("", lambda data: data.depth**2 * data.spectra[:, 3]),
        ("", lambda data: np.ones(data.rows)),
    ],
)
def test_holes_and_depths_are_found_among_inputs(source: str, column: Callable[..., Any], core: SpectralData) -> None:
    ids = find_ids(make_inputs(core, added=column(core)), core)
    assert list(ids.values()) == ([["added"]] if source else [])
    assert all(source in name for name in ids)
    assert not find_ids(make_inputs(core.take(np.arange(5)), added=column(core)[:5]), core.take(np.arange(5)))


def test_a_block_of_zeros_is_found_only_if_it_reaches_the_inputs(core: SpectralData) -> None:
    assert not find_zero_block(make_inputs(core), core)
    spectra = core.spectra.copy()
    spectra[2:4, 30:80] = 0
    padded = replace(core, spectra=spectra)
    first, last = core.wavenumbers[[30, 79]]
    expected = f"in 2 of {core.rows} rows, a block of channels is 0, for example {first:g} to {last:g} cm-1"
    assert find_zero_block(make_inputs(padded), padded) == expected
    assert not find_zero_block(make_inputs(core), padded)  # preprocess.py has filled the gap


def test_the_longest_run_of_each_row() -> None:
    starts, lengths = longest_runs(np.array([[1, 0, 1, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], dtype=bool))
    assert (starts.tolist(), lengths.tolist()) == ([2, 0, 0], [2, 0, 5])
