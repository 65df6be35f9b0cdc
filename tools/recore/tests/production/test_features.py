"""The features container's program: valid and invalid requests in all forms, and the job that packs its archive."""

import csv
import functools
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from preprocess import preprocess
from recore_support.production_containers import CONTAINERS, TrainedModel
from recore_support.schema import HOLE, IDS, TARGETS
from stagemaker_support.archives import content
from stagemaker_support.fuzzing import examples
from support.checkout import ROOT, environment
from support.data_files import write_gz
from support.template import template_only

from recore.data_file import read_header
from recore.production import sources
from recore.production.containers import features, row_notes
from recore.production.containers.domain import fit_file
from recore.production.containers.features import Columns, Features, SpectraError, read_csv, read_request, write_inputs

pytestmark = template_only  # the numbers and messages are from the submission's preprocess.py

CHANNELS = [f"{4000 - 8 * index}.5" for index in range(14)]
HEADER = ["", "DepthTo", "SiteID", "DepthFrom", *CHANNELS, "CuPPM", "FePCT"]
ID_CELLS = [["007", "2.0", "DD1", "1.0"], ["8", "3", 'DD"2', "2"], ["a,b", "", "", ""]]
SPECTRA = [[f"0.{index + 1}{channel:02}000000000000001" for channel in range(14)] for index in range(3)]
ROWS = [[*ids, *spectrum, "12.5", ""] for ids, spectrum in zip(ID_CELLS, SPECTRA, strict=True)]
MODEL = Features(Columns(HEADER, IDS, TARGETS), preprocess)


def as_csv(*rows: list[str]) -> str:
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows(rows)
    return lines.getvalue()


def respond(body: str | bytes, content_type: str = "text/csv", model: Features = MODEL) -> str:
    return write_inputs(model.compute(read_request(body, content_type, IDS)))


def reason(body: str | bytes, content_type: str = "text/csv", model: Features = MODEL) -> str:
    with pytest.raises(SpectraError) as caught:
        respond(body, content_type, model)
    message = str(caught.value)
    assert message
    assert len(message.splitlines()) == 1
    return message


def spectrum_of(row: list[str], order: list[int]) -> str:
    numbers = ("[" + ", ".join(cells[channel] for channel in order) + "]" for cells in (CHANNELS, row[4:18]))
    ids = {"index": row[0]} | {name: cell for name, cell in zip(HEADER[1:4], row[1:4], strict=True) if cell}
    lists = ", ".join(f'"{key}": {cells}' for key, cells in zip(features.NUMBER_LISTS, numbers, strict=True))
    return f"{json.dumps(ids)[:-1]}, {lists}}}"


@functools.cache
def expected() -> str:
    return respond(as_csv(HEADER, *ROWS))


def test_the_response_is_the_result_of_preprocess_with_a_string_index(tmp_path: Path) -> None:
    inputs, _ = preprocess(write_gz(tmp_path / "data.csv.gz", as_csv(HEADER, *ROWS)))
    table = pd.read_csv(io.StringIO(expected()), dtype={0: str}, float_precision="round_trip")
    assert table.iloc[:, 0].tolist() == ["007", "8", "a,b"]
    assert list(table.columns[1:]) == list(inputs.columns)
    np.testing.assert_array_equal(table.iloc[:, 1:].to_numpy(), inputs.to_numpy())


@examples(30)
@given(order=st.permutations(range(len(HEADER))), has_assays=st.booleans(), kind=st.sampled_from(["str", "bytes"]))
def test_with_a_header_columns_may_be_in_any_order(order: list[int], has_assays: bool, kind: str) -> None:
    columns = [column for column in order if has_assays or HEADER[column] not in TARGETS]
    body = as_csv(*([row[column] for column in columns] for row in [HEADER, *ROWS]))
    assert respond(body if kind == "str" else body.encode(), "text/csv; charset=utf-8") == expected()


@examples(30)
@given(has_assays=st.booleans(), rows=st.permutations(range(3)), count=st.integers(1, 3))
def test_lines_without_a_header_are_in_the_order_of_training(has_assays: bool, rows: list[int], count: int) -> None:
    chosen_rows = [ROWS[number] for number in rows[:count]]
    result = respond(as_csv(*(row if has_assays else row[:-2] for row in chosen_rows)))
    assert result == respond(as_csv(HEADER, *chosen_rows))


@examples(30)
@given(orders=st.lists(st.permutations(range(14)), min_size=3, max_size=3))
def test_json_and_csv_with_the_same_digits_have_the_same_response(orders: list[list[int]]) -> None:
    spectra = [spectrum_of(row, order) for row, order in zip(ROWS, orders, strict=True)]
    assert respond(f'{{"instances": [{", ".join(spectra)}]}}', "application/json") == expected()
    assert respond(spectra[1].encode(), "Application/JSON; charset=utf-8") == respond(as_csv(HEADER, ROWS[1]))


def test_the_digits_of_a_request_reach_preprocess_unchanged() -> None:
    read: list[pd.DataFrame] = []

    def keep(data_file: str) -> tuple[pd.DataFrame, None]:
        read.append(pd.read_csv(data_file, dtype=str, keep_default_na=False))
        return pd.DataFrame({"bin": [0.0] * len(read[-1])}), None

    for body, kind in ((as_csv(*ROWS), "text/csv"), (spectrum_of(ROWS[0], list(range(14))), "application/json")):
        respond(body, kind, Features(Columns(HEADER, IDS, TARGETS), keep))
    assert read[0].to_numpy().tolist() == [row[:-2] for row in ROWS]
    assert read[1].to_numpy().tolist() == [ROWS[0][:-2]]


@examples(30)
@given(bad=st.lists(st.booleans(), min_size=3, max_size=3))
def test_bad_rows_have_a_note_instead_of_inputs(bad: list[bool]) -> None:
    model = Features(Columns(HEADER, IDS, TARGETS), preprocess, notes=row_notes)
    rows = [replace_cell(row, 6, "n.d.") if is_bad else row for row, is_bad in zip(ROWS, bad, strict=True)]
    inputs, notes = row_notes.take_notes(model.answer(read_csv(as_csv(*rows)), "text/csv; bad-rows=empty"))
    assert [bool(note) for note in notes] == bad
    assert all("n.d." in note for note in notes if note)
    header, *lines = csv.reader(io.StringIO(inputs))
    assert [line[0] for line in lines] == [row[0] for row in ROWS]
    if not all(bad):
        for line, is_bad, right in zip(lines, bad, list(csv.reader(io.StringIO(expected())))[1:], strict=True):
            assert line == ([right[0], *[""] * (len(header) - 1)] if is_bad else right)


def test_optional_members_may_be_missing_and_rows_are_counted() -> None:
    lists = {"wavenumbers": [float(name) for name in CHANNELS], "absorbances": list(range(1, 15))}
    result = respond(json.dumps({"instances": [lists, lists | {"index": 17, "DepthFrom": 2.5}]}), "application/json")
    assert [line.partition(",")[0] for line in result.splitlines()[1:]] == ["0", "17"]


def test_numbers_in_the_response_keep_all_digits() -> None:
    values = [0.1 + 0.2, 1 / 3, 5e-324, 1.7976931348623157e308]
    model = Features(Columns(HEADER, IDS, TARGETS), lambda data_file: (pd.DataFrame({"bin": values[:3]}), None))
    lines = respond(as_csv(*ROWS), model=model).splitlines()
    assert [float(line.rpartition(",")[2]) for line in lines[1:]] == values[:3]


def test_a_header_without_rows_has_a_response_without_rows() -> None:
    assert respond(as_csv(HEADER)) == "index\n"


def test_the_index_may_have_another_name_than_in_training() -> None:
    assert respond(as_csv(["sample", *HEADER[1:]], *ROWS)) == expected()


def test_empty_lines_and_a_byte_order_mark_are_ignored() -> None:
    assert respond("\ufeff" + as_csv(HEADER, *ROWS).replace("\n", "\r\n\r\n")) == expected()


def replace_cell(row: list[str], column: int, cell: str) -> list[str]:
    return [*row[:column], cell, *row[column + 1 :]]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "the request is empty"),
        ("\n\n", "the request is empty"),
        (b"\xff\xfe", "not encoded in UTF-8"),
        (as_csv(ROWS[0][:10]), "the first line is not a header and has 10 cells; expected 18, or 20 with the assays"),
        (as_csv(ROWS[0], ROWS[1][:7]), "row 2 has 7 cells instead of 20; is the line truncated?"),
        (as_csv(HEADER, ROWS[0], ROWS[1][:-3]), "row 2 has 17 cells instead of 20"),
        (as_csv(HEADER, ROWS[0], HEADER, ROWS[1]), "row 2 repeats the header; remove the row"),
        (as_csv(ROWS[0], HEADER), "row 2 repeats the header; remove the row"),
        (as_csv(ROWS[0]).rstrip() + '"x"y', "the request: line 1: "),
        (as_csv(HEADER, replace_cell(ROWS[0], 6, "high")), "'high' is not a finite number"),
        (as_csv(replace_cell(ROWS[0], 6, "inf")), f"index 7, column '{CHANNELS[2]}': 'inf' is not a finite number"),
        (as_csv(replace_cell(ROWS[0], 6, "")), f"index 7, column '{CHANNELS[2]}': empty is not a finite number"),
        (as_csv([*ROWS[0][:4], *["0"] * 14]), "index 7: normalisation needs a value above zero"),
        (
            as_csv(HEADER[:-5], ROWS[0][:-5]),
            f"the columns differ from the training data's: 3 missing, such as '{CHANNELS[11]}'",
        ),
        (as_csv([*HEADER, "600.5"], [*ROWS[0], "1"]), "1 unknown, such as '600.5'"),
        (as_csv([*HEADER[:-1], "Fe"], ROWS[0]), "1 unknown, such as 'Fe'"),
        (as_csv([*HEADER[:-1], "4000.50"], ROWS[0]), "the column '4000.5' appears more than once"),
        (as_csv(HEADER[1:], ROWS[0][1:]), "the first column must be the index, but it is 'DepthTo'"),
    ],
)
def test_invalid_csv_is_rejected_in_one_line(body: str | bytes, message: str) -> None:
    assert message in reason(body)


def instance(**members: Any) -> str:
    lists = {"wavenumbers": [float(name) for name in CHANNELS], "absorbances": [0.5] * 14}
    return json.dumps(lists | members)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "not valid JSON"),
        (instance()[:-5], "not valid JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[1, 2]", "a spectrum must be an object with the keys 'wavenumbers' and 'absorbances'"),
        ('{"instances": []}', "'instances' must be a non-empty list"),
        (f'{{"instances": [{instance()}, 5]}}', "instance 2: a spectrum must be an object"),
        (instance(absorbances=[0.5] * 13), "14 wavenumbers, but 13 absorbances"),
        (instance(absorbances=None), "'absorbances' must be a non-empty list of numbers"),
        (instance(absorbances=[0.5] * 13 + ["0.5x"]), "value 14 of 'absorbances' is '0.5x', not a finite number"),
        (instance(absorbances=[True] * 14), "value 1 of 'absorbances' is 'True', not a finite number"),
        (instance(absorbances=[float("inf")] * 14), "Infinity is not a finite number"),
        (instance().replace("0.5]", "1e999]"), "value 14 of 'absorbances' is '1e999', not a finite number"),
        (instance(wavenumbers=[4000.5] * 14), "a wavenumber appears more than once"),
        (instance(wavenumbers=list(range(14))), f"14 missing, such as '{CHANNELS[0]}'; 14 unknown, such as '0.0'"),
        (instance(depth=3), "unknown key 'depth'; the keys are wavenumbers, absorbances, index"),
        (instance(index=[1]), "'index' must be a string or a number"),
        (instance(index="\ud800"), "'index' contains an unpaired surrogate"),
        (instance(SiteID="a\udfff"), "'SiteID' contains an unpaired surrogate"),
    ],
)
def test_invalid_json_is_rejected_in_one_line(body: str, message: str) -> None:
    assert message in reason(body, "application/json")


def test_instances_must_have_the_same_wavenumbers() -> None:
    other = instance(wavenumbers=[3999.5, *map(float, CHANNELS[1:])])
    message = reason(f'{{"instances": [{instance()}, {other}]}}', "application/json")
    assert message == "the request: instance 2: the wavenumbers differ from those of instance 1"


@pytest.mark.parametrize("content_type", ["application/x-npy", "", "text/plain"])
def test_other_content_types_are_rejected(content_type: str) -> None:
    assert reason("1", content_type).endswith("send text/csv or application/json")


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (pd.DataFrame({"bin": [0.0]}), "preprocess() must return a pair of DataFrames, inputs and targets"),
        ((pd.DataFrame({"bin": [0.0]}), None), "preprocess() returned 1 rows for the 3 rows of the request"),
        (KeyError("4000.5"), "preprocess(): KeyError: '4000.5'"),
        (ValueError("two\nlines"), "two lines"),
    ],
)
def test_a_preprocess_that_fails_is_reported_in_one_line(result: Any, message: str) -> None:
    def run(data_file: str) -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    assert message in reason(as_csv(*ROWS), model=Features(Columns(HEADER, IDS, TARGETS), run))


# ---- The job ---------------------------------------------------------------------------------------------
@pytest.mark.everywhere
def test_the_pipeline_packs_the_archive_that_recore_writes(trained_model: TrainedModel, tmp_path: Path) -> None:
    code = {name: (CONTAINERS / name).read_bytes() for name in (*sources.FEATURES, *sources.DOMAIN)}
    code |= sources.challenge_file()
    code["preprocess.py"] = (ROOT / "preprocess.py").read_bytes()
    header, reference = read_header(trained_model.data_file), fit_file(trained_model.data_file, HOLE)
    features.write_archive(header, reference, code, tmp_path / "features.tar.gz")
    packed, written = map(content, (trained_model.features, tmp_path / "features.tar.gz"))
    reference, expected = (json.loads(members.pop("reference.json")) for members in (packed, written))
    assert packed == written
    # linear algebra may round differently in another process
    assert reference.keys() == expected.keys()
    for name, values in expected.items():
        close = np.array(values).dtype.kind == "f"
        assert np.allclose(reference[name], values, rtol=1e-9, atol=1e-9) if close else reference[name] == values


@pytest.mark.parametrize(
    ("data", "script", "message"),
    [
        (as_csv(HEADER, ROWS[0]), "PREPROCESS = None", "preprocess.py has no function preprocess(data_file)"),
        (as_csv(HEADER, replace_cell(ROWS[0], 6, "x")), None, "'x' is not a finite number"),
        (as_csv(HEADER), None, "public.csv.gz: a header and at least one row are needed"),
        (None, None, "public.csv.gz: there is no such file"),
    ],
)
def test_the_job_rejects_invalid_inputs(data: str | None, script: str | None, message: str, tmp_path: Path) -> None:
    if data is not None:
        write_gz(tmp_path / "public.csv.gz", data)
    (tmp_path / sources.CHALLENGE).write_bytes(sources.challenge_file()[sources.CHALLENGE])
    (tmp_path / "preprocess.py").write_text(script or (ROOT / "preprocess.py").read_text())
    paths = {
        "input": tmp_path / "public.csv.gz",
        "preprocess": tmp_path / "preprocess.py",
        "domain": CONTAINERS / "domain.py",
        "challenge": tmp_path / sources.CHALLENGE,
        "output": tmp_path / "out",
    }
    command = [sys.executable, CONTAINERS / "features.py", *(f"--{name}={path}" for name, path in paths.items())]
    result = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("features.py: ")
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


def test_importing_the_program_imports_no_large_package() -> None:
    command = "import sys; import features; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", command], cwd=CONTAINERS, capture_output=True, text=True, check=True)
    assert set(result.stdout.split()).isdisjoint({"numpy", "pandas", "pyarrow"})
