"""How the XGBoost images read CSV and libsvm."""

from pathlib import Path

import numpy as np
import pytest
from sagemaker_inference.errors import UnsupportedFormatError

from stagemaker.container.xgboost_library.sagemaker_xgboost_container.data_utils import (
    data_files,
    get_content_type,
    read_dmatrix,
)
from stagemaker.container.xgboost_library.sagemaker_xgboost_container.encoder import decode, parse_csv, parse_libsvm
from stagemaker.container.xgboost_library.sagemaker_xgboost_container.exceptions import UserError


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"1,2\n3\n", "Expected 2 columns, got 1"),
        (b"1,2\n3,x\n", "invalid value 'x'"),
        (b"\xff\xfe\x00", "must be CSV with only numbers"),
        (b"1,2\n3,-inf\n", "file: column 2 of row 2 is infinite, or too large for a 32-bit number"),
        (b"3.5e38", "file: column 1 of row 1 is infinite, or too large for a 32-bit number"),
    ],
)
def test_csv_that_is_not_a_table_of_numbers_is_rejected(content: bytes, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        parse_csv(content, "file")


LINES = ("1 a:2", "1 -1:2", "1 0:x", "x 0:1", "1 qid:a 0:1", "1 0:1 qid:3", "1 99999999999:1", "1 3", "1:a 0:1")
INFINITE = ("1 0:inf", "-1e39 0:1", "1:inf 0:1")


@pytest.mark.parametrize("line", [*LINES, *INFINITE])
def test_invalid_libsvm_is_reported_with_its_line(line: str) -> None:
    with pytest.raises(UserError, match="line 2 is not valid libsvm"):
        parse_libsvm(f"1 0:1\n{line}\n", has_labels=True)


def test_variants_of_both_formats_are_read(tmp_path: Path) -> None:
    assert parse_csv(b"1;2\n;4\n").tolist()[0] == [1, 2]
    assert parse_csv(b"1\t2\t").shape == (1, 3)
    parsed = parse_libsvm("1:0.5 qid:7 0:1\n\n0:2 qid:8 4:3 # a comment\n\n", has_labels=True)
    assert (parsed.labels, parsed.weights, parsed.queries, parsed.features.shape) == ([1, 0], [0.5, 2], [7, 8], (2, 5))
    requests = [decode(content, "text/libsvm; charset=utf-8") for content in ("7 0:1 2:5\n", "0:1 2:5\n", b"0:1 2:5")]
    assert {request.num_col() for request in requests} == {3}
    for name, content in (("one", "1 0:1\n"), ("two", "2 3:1\n"), ("three", ""), (".hidden", "no data")):
        (tmp_path / name).write_text(content)
    assert read_dmatrix(data_files(tmp_path), "libsvm").num_col() == 4
    with pytest.raises(UserError, match="application/x-recordio-protobuf is not simulated"):
        decode(b"", "application/x-recordio-protobuf")
    with pytest.raises(UnsupportedFormatError, match="application/json is not supported by this framework"):
        decode(b"", "application/json")
    for content_type in ("application/x-recordio-protobuf", "text/csv;label_size=2", "image/png"):
        with pytest.raises(UserError, match=r"ontent ?[tT]ype"):
            get_content_type(content_type)


def test_csv_may_have_long_lines() -> None:
    values = np.random.default_rng(4).random((3, 150_000))
    content = "\n".join(",".join(map(repr, row.tolist())) for row in values).encode()
    assert min(map(len, content.splitlines())) > 2 << 20
    parsed = parse_csv(content)
    assert parsed.dtype == np.float32
    np.testing.assert_array_equal(parsed, values.astype(np.float32))


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (["1 qid:1 0:1\n1 0:1\n"], r"part-0: either all lines or none must have a query \(`qid:number`\)"),
        (["1:2 0:1\n1 0:1\n"], r"part-0: either all lines or none must have a weight \(`label:weight`\)"),
        (["1 qid:1 0:1\n", "1 0:1\n"], "either all files of a channel or none of them must have queries"),
        (["1:2 0:1\n", "1 0:1\n"], "either all files of a channel or none of them must have weights"),
        (["", "\n"], "part-0 is empty"),
        (["1:-1 0:1\n"], "XGBoost cannot use this data: .*Weights must be positive values.$"),
        (["nan 0:1\n"], "XGBoost cannot use this data: .*Label contains NaN"),
    ],
)
def test_inconsistent_libsvm_files_are_rejected(tmp_path: Path, files: list[str], reason: str) -> None:
    for index, content in enumerate(files):
        (tmp_path / f"part-{index}").write_text(content)
    with pytest.raises(UserError, match=reason):
        read_dmatrix(data_files(tmp_path), "libsvm")


def test_a_query_may_span_several_files(tmp_path: Path) -> None:
    (tmp_path / "part-0").write_text("1 qid:9 0:1\n0 qid:9 0:2\n1 qid:2 0:1\n")
    (tmp_path / "part-1").write_text("0 qid:2 0:1\n1 qid:9 0:1\n")
    matrix = read_dmatrix(data_files(tmp_path), "libsvm")
    assert matrix.get_uint_info("group_ptr").tolist() == [0, 2, 4, 5]
