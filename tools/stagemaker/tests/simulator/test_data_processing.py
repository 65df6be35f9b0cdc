"""DataProcessing of transform jobs: filters and joins work as SageMaker documents them."""

import contextlib
import csv
import io
import itertools
import json
import re
import tracemalloc
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stagemaker_support.fuzzing import examples

from stagemaker.compute.batch_transform import data_processing
from stagemaker.compute.batch_transform.data_processing import DataProcessing
from stagemaker.compute.batch_transform.json_path import JsonPath, NoSelection
from stagemaker.compute.failure import JobFailed, JobStopped

T = TypeVar("T")
MAX_BODY_SIZE = 6 << 20  # bytes
CSV, JSON, JSON_LINES = "text/csv", "application/json", "application/jsonlines"
cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
rows = st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=5)
names = st.text(st.sampled_from("abcé_-0 ,.["), min_size=1, max_size=3)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)


def processing(
    kind: str = CSV, split: str = "Line", assemble: str = "Line", accept: str | None = None, **members: str
) -> DataProcessing:
    source = {"ContentType": kind, "SplitType": split}
    target = {"Accept": kind if accept is None else accept, "AssembleWith": assemble}
    return DataProcessing.from_request({"DataProcessing": members, "TransformInput": source, "TransformOutput": target})


def input_of(kind: str, path: str, body: bytes, limit: int = MAX_BODY_SIZE) -> bytes:
    return processing(kind, InputFilter=path).request_body(body, limit)


def output_of(kind: str, path: str, body: bytes, limit: int = MAX_BODY_SIZE) -> bytes:
    return processing(kind, OutputFilter=path).result(b"", body, limit)


def select(kind: str, path: str, body: bytes) -> bytes:
    [selected] = {apply(kind, path, body) for apply in (input_of, output_of)}
    return selected


def join(kind: str, body: bytes, response: bytes, **members: str) -> bytes:
    return processing(kind, JoinSource="Input", **members).result(body, response, MAX_BODY_SIZE)


def measure_peak(work: Callable[[], T]) -> tuple[T, int]:
    """Return the result of `work` and its peak memory use in bytes."""
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def to_csv(table: list[list[str]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows(table)
    return file.getvalue().encode()


def parse_csv(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode(), newline="")))


@pytest.mark.parametrize(
    ("path", "columns"),
    [
        ("$", "abc"), ("$[1:]", "bc"), ("$[0]", "a"), ("$[0,-1]", "ac"), ("$[:-1]", "ab"),
        ("$[ 2 , 0 ]", "ca"), ("$[*]", "abc"), ("$.*", "abc"),
    ],
)  # fmt: skip
def test_filters_select_columns(path: str, columns: str) -> None:
    assert parse_csv(select(CSV, path, b"a,b,c\n")) == [[*columns]]


PERSON = {"id": 7, "name": {"first": "Ada", "last": "L"}, "marks": [[1, 2], [3, 4]], "a b": 0, "x,y": None}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", PERSON),
        ("$.id", 7),
        ("$['id']", 7),
        ("$['a b']", 0),
        ("$['x,y']", None),
        ("$['x,y','id']", {"x,y": None, "id": 7}),
        ("$.name.first", "Ada"),
        ("$.name['last']", "L"),
        ("$['id','marks']", {"id": 7, "marks": [[1, 2], [3, 4]]}),
        ("$.name.['first','last']", {"first": "Ada", "last": "L"}),
        ("$.name['first', 'last']", {"first": "Ada", "last": "L"}),
        ("$.name.*", ["Ada", "L"]),
        ("$.marks[0]", [1, 2]),
        ("$.marks[-1][0]", 3),
        ("$.marks[*][1]", [2, 4]),
        ("$.marks[*][*]", [1, 2, 3, 4]),
        ("$.marks[0,1][0:1]", [1, 3]),
        ("$['name','name'].first", ["Ada", "Ada"]),
    ],
)
def test_filters_select_parts_of_documents(path: str, expected: Any) -> None:
    assert JsonPath(path).select(PERSON) == expected
    assert json.loads(select(JSON, path, json.dumps(PERSON).encode())) == expected


@pytest.mark.parametrize(
    "path", ["$.x", "$['id','x']", "$.marks[2]", "$.marks[-3]", "$.id[0]", "$.id.*", "$.marks[2:]"]
)
def test_a_path_that_is_missing_from_a_document_fails_the_job(path: str) -> None:
    with pytest.raises(NoSelection):
        JsonPath(path).select(PERSON)
    with pytest.raises(JobFailed, match="ClientError: DataProcessing: OutputFilter"):
        processing(JSON, OutputFilter=path).result(b"", json.dumps(PERSON).encode(), MAX_BODY_SIZE)


@pytest.mark.parametrize(
    "path",
    ["", "id", "$id", "$.", "$..id", "$[", "$[]", "$[a]", "$['a'", "$['a',1]", "$[?(@.a)]", "$[1:2:3]", "$.a b", "$$",
     "$[(@.length-1)]", "$['a\\'b']", '$["a"]', "$[0", "$.[0]", "$[0]]", "$.id ", " $", "$[" + ": , " * 60 + "!"],
)  # fmt: skip
def test_expressions_that_sagemaker_does_not_document_are_rejected(path: str) -> None:
    with pytest.raises(ValueError, match="InputFilter: the expression"):
        processing(JSON, InputFilter=path)


@given(st.text(st.sampled_from("$.[]'*,:-01ab @?(\\\"é"), max_size=12))
def test_any_string_is_accepted_or_rejected_as_an_expression(expression: str) -> None:
    with contextlib.suppress(ValueError, NoSelection):
        JsonPath("$" + expression).select(PERSON)


@given(st.lists(st.integers(), min_size=1, max_size=8), st.data())
def test_indexes_and_slices_work_as_in_python(values: list[int], data: st.DataObject) -> None:
    bounds = st.integers(-len(values), len(values))
    ranges = st.tuples(st.none() | bounds, st.none() | bounds).map(lambda ends: slice(*ends))
    filled_range = ranges.filter(lambda part: values[part]).map(lambda part: [part])
    indexes = data.draw(st.lists(st.integers(-len(values), len(values) - 1), min_size=1) | filled_range)
    words = [
        f"{part.start}:{part.stop}".replace("None", "") if isinstance(part, slice) else str(part) for part in indexes
    ]
    selected = [value for part in indexes for value in (values[part] if isinstance(part, slice) else [values[part]])]
    is_single = len(indexes) == 1 and isinstance(indexes[0], int)
    assert JsonPath(f"$[{','.join(words)}]").select(values) == (selected[0] if is_single else selected)


@examples(30)
@given(documents, st.data())
def test_a_path_into_a_document_selects_its_value(document: Any, data: st.DataObject) -> None:
    path, value = "$", document
    while isinstance(value, dict | list) and value and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(value)) if isinstance(value, dict) else st.integers(0, len(value) - 1))
        path, value = path + (f"['{key}']" if isinstance(value, dict) else f"[{key}]"), value[key]
    assert JsonPath(path).select(document) == value


@given(rows, st.data())
def test_joined_rows_have_the_input_columns_and_then_the_results(table: list[list[str]], data: st.DataObject) -> None:
    results = data.draw(st.lists(st.lists(cells, min_size=2, max_size=2), min_size=len(table), max_size=len(table)))
    body, response = to_csv(table), to_csv(results)
    join_processing = processing(InputFilter="$[1:]", JoinSource="Input", OutputFilter="$[0,-2,-1]")
    assert parse_csv(join_processing.request_body(body, MAX_BODY_SIZE)) == parse_csv(to_csv([row[1:] for row in table]))
    expected = [[row[0], *result] for row, result in zip(table, results, strict=True)]
    assert parse_csv(join_processing.result(body, response, MAX_BODY_SIZE)) == parse_csv(to_csv(expected))


@given(st.lists(documents, min_size=1, max_size=4), st.data())
def test_joined_documents_have_the_result_under_a_key(records: list[Any], data: st.DataObject) -> None:
    results = data.draw(st.lists(documents, min_size=len(records), max_size=len(records)))
    body, response = ("".join(json.dumps(value) + "\n" for value in values).encode() for values in (records, results))
    lines = join(JSON_LINES, body, response).splitlines()
    for record, result, line in zip(records, results, lines, strict=True):
        expected = record if isinstance(record, dict) else {"SageMakerInput": record}
        assert json.loads(line) == expected | {"SageMakerOutput": result}


def test_a_json_object_is_one_record() -> None:
    members = {"InputFilter": "$.x", "JoinSource": "Input", "OutputFilter": "$['k','SageMakerOutput']"}
    whole, body = processing(JSON, "None", "None", **members), json.dumps({"k": 1, "x": [1.5, 2]}, indent=1).encode()
    assert whole.request_body(body, MAX_BODY_SIZE) == b"[1.5,2]"
    joined = whole.result(body, b'{\n"y": 3}\n', MAX_BODY_SIZE)
    assert json.loads(joined) == {"k": 1, "SageMakerOutput": {"y": 3}}
    joined = join(JSON, b"[1]", b"2", split="None", assemble="None")
    assert json.loads(joined) == {"SageMakerInput": [1], "SageMakerOutput": 2}


def test_without_data_processing_bytes_are_unchanged() -> None:
    for members in ({}, {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}):
        processing_without_effect = processing("image/png", "None", "None", **members)
        assert processing_without_effect.request_body(b"\xff\0", MAX_BODY_SIZE) == b"\xff\0"
        assert processing_without_effect.result(b"x", b"\xfe", MAX_BODY_SIZE) == b"\xfe"


def test_columns_that_are_not_utf_8_are_unchanged() -> None:
    for cell in (b"\xe9", b"x" * 1_000_000):
        assert select(CSV, "$[0]", cell + b",2\n") == cell + b"\n"


@pytest.mark.parametrize(
    ("kind", "body", "response", "expected"),
    [
        (CSV, b"1,2\n3,4\n", b"5\n", "the input has 2 records, but the model's response has 1"),
        (CSV, b"1,2\n", b"5\n6\n", "Fail to join data"),
        (JSON_LINES, b"{}\n{}\n", b"[1,2]\n", "Fail to join data"),
        (JSON_LINES, b"{}\n", b"1\n2", "Fail to join data"),
        (JSON_LINES, b"{\n", b"1\n", "the input is not valid application/jsonlines"),
        (JSON_LINES, b"{}\n", b"<html>\n", "the response is not valid application/jsonlines"),
        (JSON_LINES, b"{}\n", b"\xff\n", "the response is not valid application/jsonlines"),
        (JSON_LINES, b"{}\n", b"1e999\n", "the number 1e999 is too large"),
        (JSON_LINES, b"{}\n", b'{"p": NaN}\n', "response is not valid application/jsonlines: NaN is not valid JSON"),
        (JSON, b"[-Infinity]", b"1", "the input is not valid application/json: -Infinity is not valid JSON"),
        (JSON, b"{}\n", b"[" * 100_000, "the response is not valid application/json"),
        (CSV, b'"open\n', b"1\n", "the input is not valid text/csv"),
    ],
)
def test_records_that_cannot_be_joined_fail_the_job(kind: str, body: bytes, response: bytes, expected: str) -> None:
    with pytest.raises(JobFailed, match=expected):
        join(kind, body, response)


@pytest.mark.parametrize(
    ("kind", "path", "body"),
    [
        (JSON, "$" + "[0,0,0]" * 8, b"[" * 8 + b'"' + b"x" * 1000 + b'"' + b"]" * 8),
        (JSON, "$" + "[0,0,0,0]" * 6, b"[" * 6 + b"[" + b"0," * 300 + b"0]" + b"]" * 6),
        (JSON, "$" + "['a','a']" * 6 + ".a", b'{"a":' * 7 + b'"' + b"x" * 20_000 + b'"' + b"}" * 7),
        (CSV, "$[" + ",".join("0" * 30) + "]", b"x" * 900_000 + b"\n"),
        (CSV, "$[" + ",".join("0" * 30) + "]", (b"x" * 200 + b"\n") * 200),
        (JSON_LINES, "$[" + ",".join("0" * 30) + "]", (b'["' + b"x" * 200 + b'"]\n') * 200),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_filter_cannot_make_a_body_larger_than_the_limit(kind: str, path: str, body: bytes) -> None:
    limit = 1 << 20
    assert len(body) < limit
    message = r"^ClientError: DataProcessing: {} '\$.*' selects more than 1 MB$"

    def filter_input() -> None:
        with pytest.raises(JobFailed, match=message.format("InputFilter")):
            input_of(kind, path, body, limit)

    assert measure_peak(filter_input)[1] < 32 << 20
    with pytest.raises(JobFailed, match=message.format("OutputFilter")):
        output_of(kind, path, body, limit)


@pytest.mark.parametrize(
    ("kind", "members", "body"),
    [
        (JSON, {"OutputFilter": "$" + "[0,0,0,0]" * 6}, b"[" * 6 + b"[0,0]" + b"]" * 6),
        (JSON, {"OutputFilter": "$" + "[0,0,0,0]" * 6 + "[*]"}, b"[" * 6 + b"[[],[]]" + b"]" * 6),
        (JSON, {"OutputFilter": "$.*"}, b"[" + b"0.5," * 5000 + b"0]"),
        (JSON_LINES, {"OutputFilter": "$.*"}, b"[]\n" * 5000),
        (JSON_LINES, {"OutputFilter": "$.*"}, b"\n" * 5000),
        (CSV, {"OutputFilter": "$[:]"}, b"," * 5000 + b"\n"),
        (CSV, {"JoinSource": "Input"}, b"0\n" * 5000),
        (CSV, {"JoinSource": "Input"}, b"\n" * 5000),
    ],
    ids=lambda value: str(value)[:30],
)
def test_the_processing_of_a_body_can_be_stopped(kind: str, members: dict[str, str], body: bytes) -> None:
    checks = itertools.count()

    def check() -> None:
        if next(checks) == 2:
            raise JobStopped

    with pytest.raises(JobStopped):
        processing(kind, "Line" if kind != JSON else "None", **members).result(body, body, MAX_BODY_SIZE, check)


@pytest.mark.parametrize("body", [b"\n" * (1 << 16), b"0\n" * (1 << 14)], ids=["empty", "short"])
@pytest.mark.parametrize("kind", [CSV, JSON_LINES])
def test_small_records_take_little_memory(kind: str, body: bytes) -> None:
    joined, peak = measure_peak(lambda: join(kind, body, body))
    assert peak < 4 * (len(body) + len(joined))


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        (JSON, b'[[],{"a":[]},{}]', "application/json: a document has more than 4 arrays and objects"),
        (JSON, b"[" * 9, "application/json: a document has more than 4 arrays and objects"),
        (JSON_LINES, b"[]\n" * 9 + b"[[],[],[],[]]\n", "application/jsonlines: a document has more than 4 arrays and"),
        (CSV, b"1,2\n" * 9 + b"1,2,3,4,5\n", "text/csv: a row has more than 4 columns"),
        (CSV, b'1,2,"\n",' * 9 + b"\n", "text/csv: a row has more than 4 columns"),
    ],
)
def test_the_number_of_parts_of_a_record_is_limited(
    kind: str, body: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parsers cannot be interrupted, and use much more memory than the record itself."""
    monkeypatch.setattr(data_processing, "MAX_PARTS", 4)
    with pytest.raises(JobFailed, match=f"^ClientError: DataProcessing: the response is not valid {reason}"):
        processing(kind, OutputFilter="$[*]").result(b"", body, MAX_BODY_SIZE)
    expected = {JSON: b"[[],[0,0,0,0,0],[]]", JSON_LINES: b"[[],[],[]]\n" * 9, CSV: b"1,2,3,4\n" * 9}[kind]
    assert processing(kind, OutputFilter="$[*]").result(b"", expected, MAX_BODY_SIZE)


@given(st.integers(-2, 2))
def test_a_body_may_be_as_large_as_the_limit_but_not_larger(spare_bytes: int) -> None:
    lines = processing(JSON_LINES, InputFilter="$['a','b']")
    document = json.dumps({"a": "é", "b": [1.5, None], "c": 0}).encode()
    expected = b'{"a":"\\u00e9","b":[1.5,null]}\n' * 9
    limit = len(expected) + spare_bytes
    if spare_bytes < 0:
        with pytest.raises(JobFailed, match="selects more than"):
            lines.request_body((document + b"\n") * 9, limit)
    else:
        assert lines.request_body((document + b"\n") * 9, limit) == expected


OPERATORS = re.escape(
    'Unexpected "_" in JsonPath. Supported operators for "application/jsonlines" are '
    "['$', '[', ']', '*', '.', ' ', ',', ':', '-', ''']"
)
BOTH_FORMATS = r"text/csv records cannot be combined with application/json results"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"kind": "text/plain", "InputFilter": "$[0]"}, "TransformInput: ContentType"),
        ({"kind": "", "JoinSource": "Input"}, "TransformInput: ContentType"),
        ({"InputFilter": "$.name"}, "must select columns by number"),
        ({"OutputFilter": "$['a','b']"}, "must select columns by number"),
        (
            {"OutputFilter": "$[0:2,246:]"},
            r"Invalid JsonPath: \$\[0:2,246:\]: only single range filters of format \(eg: \[1:5\]",
        ),
        ({"InputFilter": "$[0, 1:]"}, r"are supported\. Format \[0, 1:\] is not supported"),
        ({"kind": JSON, "InputFilter": "$.a[:,0]"}, r"Format \[:,0\] is not supported"),
        ({"kind": JSON, "InputFilter": "$.a_b"}, r'Invalid InputFilter: "\$\.a_b"\. Unexpected "_" in JsonPath'),
        ({"kind": JSON_LINES, "OutputFilter": "$['account_id','SageMakerOutput']"}, OPERATORS),
        ({"kind": JSON, "OutputFilter": "$['a#b']"}, 'Unexpected "#" in JsonPath'),
        ({"OutputFilter": "$[0][1]"}, "must select columns by number"),
        ({"JoinSource": "Input", "assemble": "None"}, "requires AssembleWith Line"),
        ({"JoinSource": "Input", "kind": "text/csv; charset=utf-8", "accept": JSON}, BOTH_FORMATS),
        ({"JoinSource": "Input", "accept": ""}, "TransformOutput: Accept"),
    ],
)
def test_invalid_requests_are_rejected(members: dict[str, str], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        processing(**members)
