"""The image's default input_fn, predict_fn and output_fn, with a model that returns its input."""

import io

import numpy as np
import pytest
from conformance.servers import Server

SUBMISSIONS = ("defaults",)
NPY = "application/x-npy"


def npy(values: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(values))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content_type", "body", "dtype", "shape"),
    [
        ("text/csv", "1,2.5\n3,4.5\n", "float32", (2, 2)),
        ("text/csv", "1,2.5\r\n3,4.5", "float32", (2, 2)),
        ("text/csv", '"1","2"\n3,4\n', "float32", (2, 2)),
        ("text/csv", "1,2.5\n", "float32", (2,)),
        ("text/csv", "1\n2\n4\n", "float32", (3,)),
        ("text/csv", "1,nan\ninf,-1e3\n", "float32", (2, 2)),
        ("text/csv", "", "float32", (0,)),
        ("application/json", "[[1, 2], [3, 4]]", "float32", (2, 2)),
        ("application/json", "[[1, 2]]", "float32", (1, 2)),
        ("application/json", "[]", "float32", (0,)),
        (NPY, npy([[1.0], [2.0]]), "float64", (2, 1)),
        (NPY, npy([1, 2]), "int64", (2,)),
        (NPY, npy(["a", "b"]), "<U1", (2,)),
    ],
)
def test_input_formats_are_read(
    server: Server, content_type: str, body: str | bytes, dtype: str, shape: tuple[int, ...]
) -> None:
    """Text is converted to float32, and CSV input loses dimensions of size 1. NPY arrays are unchanged."""
    response = server.post(body, content_type, Accept=NPY)
    assert response.status == 200, response.body
    array = np.load(io.BytesIO(response.body))
    assert (array.dtype, array.shape) == (np.dtype(dtype), shape)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/csv", "Cu,Ag\n1,2\n"),
        ("text/csv", "1,2\n3\n"),
        ("text/csv", "1,2\n\n3,4\n"),
        ("text/csv", "1,\n3,4\n"),
        ("text/csv", "1;2\n"),
        ("text/csv", '"1,2\n'),
        ("application/json", "{}"),
        ("application/json", "[1"),
        ("application/json", ""),
        ("application/json", "[[1, 2], [3]]"),
        (NPY, b"no array"),
        (NPY, b""),
        ("text/csv; charset=utf-8", "1,2"),
        ("text/plain", "1,2"),
        ("application/x-recordio-protobuf", b""),
    ],
)
def test_invalid_input_is_rejected(server: Server, content_type: str, body: str | bytes) -> None:
    """The status is always 500, even for an unsupported type: the toolkit returns 415 only from its own input_fn."""
    assert server.post(body, content_type).status == 500
    assert server.post("1,2").status == 200


def test_sparse_input_is_rejected(server: Server) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    buffer = io.BytesIO()
    sparse.save_npz(buffer, sparse.csr_matrix([[1.0, 0.0]]))
    assert server.post(buffer.getvalue(), "application/x-npz", Accept=NPY).status == 500


@pytest.mark.parametrize(
    ("prediction", "output"),
    [
        ("0", '["basalt, grey", "so-called \\"ore\\"", "plain"]'),
        ("1", "1.5"),
        ("2", "[[[0.0, 1.0], [2.0, 3.0]], [[4.0, 5.0], [6.0, 7.0]]]"),
        ("3", "[[1, 2.5], [3, 4]]"),
        ("4", "[0.10000000149011612, 0.3333333432674408]"),
        ("5", "[true, false]"),
        ("6", "null"),
        ("7", "[[1.0, NaN]]"),
    ],
)
def test_predictions_are_written_as_json(server: Server, prediction: str, output: str) -> None:
    response = server.post(prediction, Accept="application/json")
    assert (response.status, response.text) == (200, output)


@pytest.mark.parametrize(
    ("body", "output"),
    [
        ("1,2\n3,4", "1.0,2.0\n3.0,4.0\n"),
        ("1,2", "1.0\n2.0\n"),
        ("", ""),
        ("3", "1.0,2.5\n3.0,4.0\n"),
        ("4", "0.1\n0.33333334\n"),
        ("5", "True\nFalse\n"),
        ("7", "1.0,nan\n"),
        ("0", '"basalt, grey"\n"so-called ""ore"""\nplain\n'),
        ("2", "[0. 1.],[2. 3.]\n[4. 5.],[6. 7.]\n"),
    ],
)
def test_predictions_are_written_as_csv(server: Server, body: str, output: str) -> None:
    """The output has a line for each prediction and no header."""
    response = server.post(body, Accept="text/csv")
    assert (response.status, response.text) == (200, output)
    assert response.content_type == "text/csv; charset=utf-8"


@pytest.mark.parametrize("prediction", ["1", "6"])
def test_a_single_value_cannot_be_written_as_csv(server: Server, prediction: str) -> None:
    assert server.post(prediction, Accept="text/csv").status == 500


def test_predictions_are_written_as_npy(server: Server) -> None:
    response = server.post("4", Accept=NPY)
    assert (response.status, response.content_type) == (200, NPY)
    np.testing.assert_array_equal(np.load(io.BytesIO(response.body)), np.array([0.1, 1 / 3], np.float32))


@pytest.mark.parametrize(
    "accept", ["image/png", "text/csv; charset=utf-8", "application/x-npz", "text/csv, */*", "image/png, text/csv"]
)
def test_an_unsupported_accept_header_is_rejected(server: Server, accept: str) -> None:
    """The status is 500. A list of types counts as one unsupported type."""
    assert server.post("1,2", Accept=accept).status == 500


def test_input_and_output_types_may_differ_and_output_is_json_by_default(server: Server) -> None:
    response = server.post(npy([[1, 2]]), NPY)
    assert (response.status, response.content_type, response.text) == (200, "application/json", "[[1, 2]]")
    assert server.post("[[1, 2]]", "application/json", Accept="text/csv").text == "1.0,2.0\n"
