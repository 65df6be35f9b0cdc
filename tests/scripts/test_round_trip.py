"""Predictions are the same whichever way the data reach the model."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.checkout import ROOT
from support.scripts import run_here

import preprocess
import train

TOLERANCE = 1e-9  # relative, because the last bits of a matrix product depend on the number of rows


@pytest.fixture(scope="module")
def model(project: Path) -> object:
    return train.model_fn(project / "model")


@pytest.fixture(scope="module")
def expected(project: Path, model: object) -> np.ndarray:
    inputs, _ = preprocess.preprocess(project / "data/private/private.csv.gz")
    return model.predict(inputs)


@pytest.fixture(scope="module")
def lines(project: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the lines that step 2 writes for the private data, header first."""
    output = tmp_path_factory.mktemp("step2") / "public.csv"
    data = project / "data/private/private.csv.gz"
    result = run_here(ROOT / "preprocess.py", "--input", data, "--output", output, cwd=output.parent)
    assert result.returncode == 0, result.stderr
    return output.read_text().splitlines(keepends=True)


def request_predictions(model: object, body: str | bytes, content_type: str = "text/csv") -> np.ndarray:
    """Pass a request through the hooks of train.py, as a server would. Return the parsed response, (rows, 49)."""
    content = train.output_fn(train.predict_fn(train.input_fn(body, content_type), model), "text/csv")
    return pd.read_csv(io.StringIO(content), header=None).to_numpy()


@pytest.mark.parametrize("content_type", ["text/csv", "text/csv; charset=utf-8", "Text/CSV;header=present"])
@pytest.mark.parametrize("kind", [str, bytes, bytearray])
def test_an_entire_file_produces_the_same_predictions(
    model: object, lines: list[str], expected: np.ndarray, kind: type, content_type: str
) -> None:
    content = "".join(lines)
    body = content if kind is str else kind(content.encode())
    np.testing.assert_allclose(request_predictions(model, body, content_type), expected, rtol=TOLERANCE)


def with_shuffled_columns(lines: list[str]) -> str:
    frame = pd.read_csv(io.StringIO("".join(lines)), dtype=str, index_col=0)
    return frame.iloc[:, np.random.default_rng(2).permutation(frame.shape[1])].to_csv()


def with_strings_as_index(lines: list[str]) -> str:
    return "".join(f"sample {index},{line.partition(',')[2]}" for index, line in enumerate(lines[1:]))


# the requests in which the rows of the file are sent
BODY_FORMS: dict[str, Callable[[list[str]], list[str | bytes]]] = {
    "parts with and without a header": lambda lines: ["".join(lines[:60]), "".join(lines[60:])],
    "single rows, the last without a line end as curl sends it": lambda lines: [*lines[1:-1], lines[-1].strip()],
    "columns in another order": lambda lines: [with_shuffled_columns(lines)],
    "Windows line breaks and a byte order mark": lambda lines: [
        b"\xef\xbb\xbf" + "".join(lines).replace("\n", "\r\n").encode()
    ],
    "strings as index": lambda lines: [with_strings_as_index(lines)],
    "strings as index, with a header": lambda lines: [lines[0] + with_strings_as_index(lines)],
}


@pytest.mark.parametrize("form", BODY_FORMS)
def test_the_form_of_the_requests_changes_no_prediction(
    form: str, model: object, lines: list[str], expected: np.ndarray
) -> None:
    predicted = np.concatenate([request_predictions(model, body) for body in BODY_FORMS[form](lines)])
    np.testing.assert_allclose(predicted, expected, rtol=TOLERANCE)


def test_a_request_without_rows_is_rejected(model: object, lines: list[str]) -> None:
    with pytest.raises(ValueError, match="the request has no rows"):
        train.predict_fn(train.input_fn(lines[0], "text/csv"), model)


def test_predictions_that_are_nan_are_empty_cells() -> None:
    prediction = np.full((2, 49), 1.5)
    prediction[:, 3] = np.nan
    assert train.output_fn(prediction, "application/json").splitlines()[1].split(",")[2:5] == ["1.5", "", "1.5"]


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        ("", "text/csv", "the request has no rows"),
        ("0\n1\n", "text/csv", "the columns differ from those in training"),
        ("[[1, 2]]", "application/json", "send text/csv"),
        ("0,1.5,2.5\n", "text/csv", "the columns differ from those in training"),
        (",bin_1_7,bin_8_14\n0,1.5,2.5\n", "text/csv", r"\(bin_.* or the file has different channels"),
        ("0,1.5\n1,2.5,3.5\n", "text/csv", "number of columns changed from 2 to 3 at row 2"),
        (b"0,\xff\xfe\n", "text/csv", "decode"),
    ],
)
def test_a_bad_request_is_rejected_with_its_reason(
    model: object, body: str | bytes, content_type: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        train.predict_fn(train.input_fn(body, content_type), model)


@pytest.mark.parametrize(("cell", "reason"), [("abc", "'abc'"), ("", "string ''"), ("inf", "not finite")])
def test_a_bad_cell_is_rejected(model: object, lines: list[str], cell: str, reason: str) -> None:
    row = lines[3].split(",")
    row[8] = cell
    for header in ("", lines[0]):
        with pytest.raises(ValueError, match=reason):
            train.predict_fn(train.input_fn(header + ",".join(row), "text/csv"), model)
