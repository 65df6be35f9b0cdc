import copy
import itertools
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recore_support.records import make_record
from recore_support.schema import TARGETS

from recore.evaluation import read_record
from recore.evaluation.scores import read_score
from recore.production.containers.domain import fit_reference
from recore.production.containers.expected_error import calibrate
from recore.production.handover_files import parse_columns, read_errors, read_reference
from recore.production.settings import read_settings

RANDOM = np.random.default_rng(0)
HOLES = np.repeat([str(index) for index in range(6)], 5)
ASSAYS = RANDOM.random((30, len(TARGETS)))
REMOVED = object()
VALUES = (None, True, "text", -1, 10**400, float("nan"), float("inf"), [], {}, [None], [[]], {"a": 1}, REMOVED)
Read = Callable[[Path], object]
FILES: dict[str, tuple[Any, Read]] = {
    "run.json": (make_record(public=0.5), lambda path: read_record(path.parent)),
    "channels.json": ({"columns": ["index", "4000"]}, lambda path: parse_columns(path.read_bytes(), path)),
    "domain.json": (fit_reference(np.arange(400, 360, -1), RANDOM.random((30, 40)), HOLES), read_reference),
    "expected_error.json": (calibrate(ASSAYS, ASSAYS + 0.1, HOLES, TARGETS), read_errors),
    "config.json": ({"PREFIX": "mine", "MINIMUM_SCORE": 0.1, "ENDPOINT_INSTANCE_COUNT": 2}, read_settings),
    "public.json": (
        {"score": 0.5, "weights_scored": 1, "rows": 3, "targets": {"CuPPM": {"r2": 0.1, "weight": 0.3}}},
        read_score,
    ),
}


def field_paths(value: Any) -> Iterator[list[Any]]:
    """Yield the path of each field in an object, but only the first field's path in a list or a large object."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    limit = 20 if isinstance(value, dict) and len(value) <= 20 else 1
    for key, each in itertools.islice(items, limit):
        yield [key]
        yield from ([key, *rest] for rest in field_paths(each))


def change_field(content: Any, path: list[Any], value: object) -> bytes:
    content = copy.deepcopy(content)
    parent = content
    for key in path[:-1]:
        parent = parent[key]
    if value is REMOVED:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return json.dumps(content).encode()


def read(path: Path, reader: Read, content: bytes) -> str:
    path.write_bytes(content)
    try:
        reader(path)
    except ValueError as error:
        message = str(error)
    else:
        return ""
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_value_at_any_field_is_one_line(name: str, tmp_path: Path) -> None:
    content, reader = FILES[name]
    path = tmp_path / name
    assert read(path, reader, json.dumps(content).encode()) == ""
    errors = [read(path, reader, change_field(content, way, value)) for way in field_paths(content) for value in VALUES]
    assert sum(map(bool, errors)) > len(errors) / 4


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe{", b"[]", b"3", b"null", b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000, b'{"a": "\\ud800"}'],
    ids=range(9),
)
def test_what_is_not_an_object_is_one_line(content: bytes, name: str, tmp_path: Path) -> None:
    assert read(tmp_path / name, FILES[name][1], content)


@pytest.mark.parametrize("name", sorted(set(FILES) - {"channels.json"}))  # parsed from bytes, not from a path
def test_a_pipe_is_not_waited_for(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises((ValueError, FileNotFoundError), match=name):
        FILES[name][1](tmp_path / name)


@pytest.mark.parametrize(
    ("name", "keys", "value", "field"),
    [
        ("domain.json", ["mean", 0], "x", "`mean`"),
        ("domain.json", ["q_limit"], 0, "`q_limit`"),
        *(("domain.json", ["holes", 0], hole, "`holes`") for hole in (100_000, -1, 0.5)),
        ("expected_error.json", ["targets", "CuPPM"], None, "`targets.CuPPM.range`"),
        ("run.json", ["settings", "training", "count"], "x", "`settings.training.count`"),
        ("config.json", ["MINIMUM_SCORE"], 10**400, "MINIMUM_SCORE"),
        ("public.json", ["rows"], float("inf"), "`rows`"),
    ],
)
def test_the_field_is_named(name: str, keys: list[Any], value: object, field: str, tmp_path: Path) -> None:
    content, reader = FILES[name]
    assert field in read(tmp_path / name, reader, change_field(content, keys, value))
