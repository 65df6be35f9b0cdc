"""Pickles are scanned without loading them. Benign models pass, and every command of a malicious pickle is found.

Each attack is also loaded and must then create a folder, so the table contains only attacks that work.
"""

import bz2
import contextlib
import gzip
import io
import json
import lzma
import os
import pickle
import pickletools
import re
import subprocess
import sys
import uuid
import zipfile
import zlib
from collections import Counter, OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from logging import getLogger
from operator import attrgetter, methodcaller
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import (
    array_dtypes,
    array_shapes,
    arrays,
    byte_string_dtypes,
    scalar_dtypes,
    unicode_string_dtypes,
)
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from stagemaker_support.archives import archive_of
from stagemaker_support.fuzzing import TIMES, examples, generator
from xgboost import XGBRegressor

from recore.check.pickles import Pickle, find_pickles, get_size, have_same_models, read_pickles, scan
from recore.check.pickles.values import VALUE_BYTES, Budget
from recore.check.running_rules.rc404_pickle_command import judge

TABLE = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [0.0, 1, 0, 1], "c": ["x", "y", "x", "y"]})
X, Y = TABLE[["a", "b"]], TABLE["a"]
COMPRESSIONS: list[Any] = [0, 3, ("gzip", 3), ("bz2", 3), ("lzma", 3), ("xz", 3)]


def scan_pickle(content: bytes, limits: dict[str, int] | None = None) -> Pickle:
    return scan("model.joblib", len(content), io.BytesIO(content), Budget(limits))


def to_bytes(save: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    save(file)
    return file.getvalue()


def dump(value: Any, **options: Any) -> bytes:
    return to_bytes(lambda file: joblib.dump(value, file, **options))


def make_zip(content: bytes, name: str = "archive/data.pkl") -> bytes:
    """Return a zip archive with one file, by default as torch.save writes it."""

    def save(file: io.BytesIO) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, content)

    return to_bytes(save)


BENIGN_VALUES: dict[str, Callable[[], Any]] = {
    "Ridge with feature names": lambda: Ridge().fit(X, Y),
    "forest": lambda: RandomForestRegressor(2).fit(X, Y),
    "boosted trees": lambda: HistGradientBoostingRegressor(max_iter=2).fit(X, Y),
    "search over pipelines": lambda: GridSearchCV(
        make_pipeline(make_column_transformer((OneHotEncoder(), ["c"]), (StandardScaler(), ["a", "b"])), Ridge()),
        {"ridge__alpha": [1.0, 2.0]},
        cv=2,
    ).fit(TABLE, Y),
    "XGBoost": lambda: XGBRegressor(n_estimators=2).fit(X, Y),
    "table": lambda: TABLE.assign(when=pd.date_range("2020", periods=4), kind=pd.Categorical(list("abab"))),
    "index": lambda: pd.MultiIndex.from_product([["a", "b"], [1, 2]]),
    "Python's own": lambda: [
        *(re.compile("a"), uuid.UUID(int=1), datetime.now(UTC), Decimal(1), Counter("ab"), OrderedDict(a=1)),
        *(getLogger("a"), Random(1), SimpleNamespace(a=1), attrgetter("real"), methodcaller("sum"), partial(max)),
        *(TABLE.mean, "ab".join, int, type(None), slice(1), ValueError("a"), np.select, np.copy, pd.Interval(1, 2)),
    ],
    "arrays in arrays": lambda: np.array([np.array([1, "a"], dtype=object), {"x": np.arange(3)}], dtype=object),
    "the same arrays again": lambda: {"signal": [np.arange(3)] * 2, "code": (np.array(["a", None]), len)},
    "types of numpy": lambda: [
        np.zeros(3, [("a", "i8"), ("b", "f8", (2,)), ("c", "U3")]),
        np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
        np.zeros(2, [("a", "i8"), ("b", "O")]),
        np.array(["2020"], "M8[ns]"),
        np.arange(3, dtype=">f8"),
        np.array(["abc", "de"]),
        np.ones((1, 2)).view(np.matrix),
        np.asfortranarray(np.ones((3, 4))),
        np.array(3.0),
        np.zeros((0, 3), bool),
        np.float64(1),
        np.ma.array([1, 2.0], mask=[0, 1]),
    ],
}


@pytest.mark.parametrize("make", BENIGN_VALUES.values(), ids=BENIGN_VALUES)
def test_benign_models_have_no_findings(make: Callable[[], Any]) -> None:
    value = make()
    contents = [dump(value, compress=compress) for compress in COMPRESSIONS]
    contents += [dump(value, protocol=protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for content in [*contents, pickle.dumps(value), contents[0] * 2]:
        result = scan_pickle(content)
        assert not result.problem
        assert judge(result) is None
        assert all(module for module, _ in result.imports)


def test_arrays_of_joblib_1_0_have_no_padding() -> None:
    content = assemble(array(alignment=b"") + np.ones(2).tobytes())
    assert list(joblib.load(io.BytesIO(content))) == [1, 1]
    assert judge(scan_pickle(content)) is None


# Parts of pickles


def string(value: str) -> bytes:
    return b"X" + len(value).to_bytes(4, "little") + value.encode()


FOLDER = "made"  # the folder that each attack creates in the working directory
COMMAND = b"cos\nmkdir\n" + string(FOLDER) + b"\x85R"


class Command:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (FOLDER,)


TUPLE_2 = b"K\x02\x85"
FLOATS = b"cnumpy\ndtype\n(" + string("f8") + b"\x89\x88tR"
FLOATS_STATE = b"(K\x03" + string("<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK%ctb"
WRAPPER = b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n"
PADDING = b"\x01\xff"


def floats(flags: int = 0) -> bytes:
    return FLOATS + FLOATS_STATE % flags


def array(
    shape: bytes = TUPLE_2,
    dtype: bytes = floats(),
    alignment: bytes = string("numpy_array_alignment_bytes") + b"K\x10",
    more: bytes = b"",
    wrapper: bytes = WRAPPER + b")\x81",
) -> bytes:
    return (
        wrapper
        + b"}("
        + (string("subclass") + b"cnumpy\nndarray\n" + string("shape") + shape + string("order") + string("C"))
        + (string("dtype") + dtype + string("allow_mmap") + b"\x89" + alignment + more)
        + b"ub"
    )


def assemble(opcodes: bytes) -> bytes:
    return b"\x80\x04" + opcodes + b"."


def frame(first: bytes, array_bytes: bytes, tail: bytes) -> bytes:
    """Return a pickle with `first` and `tail` in its frame, and the bytes of an array after the frame."""
    return b"\x80\x04\x95" + (len(first + tail)).to_bytes(8, "little") + first + tail + array_bytes + b"."


def pad_command(length: int) -> bytes:
    """Return the command as a complete pickle, padded to `length` bytes, the size of an array."""
    return COMMAND + b"." + b"N" * (length - len(COMMAND) - 1)


ZEROS = bytes(16)
OBJECTS_TYPE = FLOATS.replace(b"f8", b"O8") + (FLOATS_STATE % 63).replace(b"<", b"|")
ATTACKS = {
    "in an array": dump(np.array([Command()], dtype=object)),
    "in an array in an array": dump([np.array([np.array([Command()], dtype=object)], object)]),
    "in a field": dump(np.array([(1, Command())], [("a", "i8"), ("b", "O")])),
    "after an array": dump([np.arange(3), np.array(["a"], object), Command()]),
    "by a name of Python 2, in an array": b"\x80\x02"
    + array(dtype=OBJECTS_TYPE)
    + assemble(b"c__builtin__\neval\n" + string(f"__import__('os').mkdir({FOLDER!r})") + b"\x85R")
    + b".",
    "in the class of an array": assemble(array(more=string("order") + COMMAND)),
    "second pickle": dump(1) + assemble(COMMAND),
    "another opcode for a constructor": assemble(b"(cos\nmkdir\n" + string(FOLDER) + b"o"),
    "function of a dispatch table": assemble(
        b"cbuiltins\ngetattr\ncos\nmkdir\n" + string("__call__") + b"\x86R" + string(FOLDER) + b"\x85R"
    ),
}
# joblib reads a different number of bytes for an array than these pickles seem to specify.
TRICKS = {
    "shape that is computed": assemble(array(b"cbuiltins\nint\n" + string("0") + b"\x85R\x85") + PADDING + COMMAND),
    "shape set again": assemble(
        array(more=b"cbuiltins\nstr\n" + string("shape") + b"\x85RK\x00\x85") + PADDING + COMMAND
    ),
    "floats that claim to be objects": assemble(array(dtype=floats(63)) + assemble(COMMAND)),
    "type given a second state": assemble(array(dtype=floats() + FLOATS_STATE % 63) + assemble(COMMAND)),
    "type given a state by a method": assemble(
        floats()
        + b"q\x000cbuiltins\ngetattr\nh\x00"
        + (string("__setstate__") + b"\x86R" + FLOATS_STATE[:-2] % 63 + b"t\x85R0")
        + array(dtype=b"h\x00")
        + assemble(COMMAND)
    ),
    "attributes changed by a method": assemble(
        (b"}q\x000cbuiltins\ngetattr\nh\x00" + string("update") + b"\x86Rq\x010" + WRAPPER + b")\x81h\x00(")
        + (array()[len(WRAPPER) + 4 : -1] + b"h\x01}(" + string("shape") + b"K\x00\x85u\x85R0b" + PADDING + COMMAND)
    ),
    "wrapper by another name": assemble(
        array(b"K\x00\x85", wrapper=string("joblib") + string("numpy_pickle.NumpyArrayWrapper") + b"\x93)\x81")
        + PADDING
        + COMMAND
    ),
    "wrapper by a computed name": assemble(
        array(
            wrapper=b"cbuiltins\ngetattr\ncsklearn.utils.parallel\njoblib\n"
            + (string("numpy_pickle") + b"\x86Rq\x000cbuiltins\ngetattr\nh\x00" + string("NumpyArray" + "Wrapper"))
            + b"\x86R)\x81"
        )
        + PADDING
        + (b"C\x10" + bytes(14) + COMMAND)  # joblib interprets C\x10 as a number
    ),
    "wrapper copied": assemble(
        array(b"K\x00\x85", wrapper=b"ccopy\ncopy\n" + WRAPPER + b")\x81\x85R") + PADDING + COMMAND
    ),
    "wrapper created by its constructor": assemble(
        WRAPPER + b"(cnumpy\nndarray\nK\x00\x85" + string("C") + floats() + b"tR}b" + PADDING + COMMAND
    ),
    "wrapper used again": assemble(
        array(wrapper=WRAPPER + b")\x81q\x00") + PADDING + ZEROS + b"0h\x00}b" + PADDING + ZEROS + COMMAND
    ),
    "opcodes between the end of an array and the end of its frame": frame(array(), PADDING + ZEROS, b"0" + COMMAND),
}


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + b"(" + b"".join(arguments) + b"tR"


def name(module: str, attribute: str) -> bytes:
    return string(module) + string(attribute) + b"\x93"


def read(owner: bytes, attribute: str = "mkdir") -> bytes:
    return call(name("builtins", "getattr"), owner, string(attribute))


GLOBALS = call(name("glob", "glob.__globals__.get"), string("os"))
SYS_MODULES = call(name("collections", "_sys.modules.get"), string("os"))
OS_OF_PANDAS = call(name("pandas.compat._optional", "import_optional_dependency"), string("os"))
MKDIR, PATH, DISK_OS = string("mkdir"), string(FOLDER), name("joblib.disk", "os")
# The names that these pickles import do not show what is called.
INDIRECT_ATTACKS = {
    "module of a module": call(name("glob", "os.mkdir"), PATH),
    "module of a package": call(name("joblib.disk", "os.mkdir"), PATH),
    "by an opcode": call(b"cglob\nos.mkdir\n", PATH),
    "private module of a module": call(name("random", "_os.mkdir"), PATH),
    "getattr": call(read(name("glob", "os")), PATH),
    "getattr of getattr": call(read(read(name("joblib", "disk"), "os")), PATH),
    "attrgetter": call(call(call(name("operator", "attrgetter"), string("os.mkdir")), name("joblib", "disk")), PATH),
    "methodcaller": call(call(name("operator", "methodcaller"), MKDIR, PATH), DISK_OS),
    "getattr as an argument": call(
        call(name("functools", "reduce"), name("builtins", "getattr"), b"(" + MKDIR + b"l", DISK_OS), PATH
    ),
    "globals of a function": call(read(GLOBALS), PATH),
    "modules of sys": call(read(SYS_MODULES), PATH),
    "profiler": call(name("cProfile", "run"), string(f"__import__('os').mkdir({FOLDER!r})")),
    "name of a function": call(call(name("pkgutil", "resolve_name"), string("os:mkdir")), PATH),
    "installer": call(name("setuptools._distutils.spawn", "spawn"), b"(" + MKDIR + PATH + b"l"),
    "import by pandas": call(read(OS_OF_PANDAS), PATH),
    # pickle interprets the bytes of joblib's arrays as opcodes
    "padding of opcodes": array() + b"\x94" + pad_command(0x94),
    "numbers that are opcodes": array(b"K\x20\x85", alignment=b"") + pad_command(256),
    "memo of the outer pickle": (string("os") + b"\x94" + string("mkdir") + b"\x94" + array(dtype=OBJECTS_TYPE))
    + assemble(string("numpy") + b"\x94" + string("array") + b"\x94h\x00h\x01\x93" + PATH + b"\x85R"),
}


ALL_ATTACKS = ATTACKS | TRICKS | {name: assemble(opcodes) for name, opcodes in INDIRECT_ATTACKS.items()}


@pytest.mark.parametrize("name", ALL_ATTACKS)
def test_an_attack_is_found(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content, load = ALL_ATTACKS[name], pickle.load if name in INDIRECT_ATTACKS else joblib.load
    file = io.BufferedReader(io.BytesIO(content))  # joblib rewinds files that have no peek
    with contextlib.suppress(Exception):
        while True:
            load(file)
    Path(FOLDER).rmdir()  # one of the pickles in the file is the attack
    for compress in (bytes, zlib.compress, gzip.compress, bz2.compress, lzma.compress):
        result = scan_pickle(compress(content))
        assert judge(result)
        assert result.problem or name not in TRICKS


@pytest.mark.parametrize(
    "function",
    [
        *("joblib.externals.loky.backend.fork_exec:fork_exec", "joblib:externals.loky.backend.fork_exec.fork_exec"),
        *("numpy:savetxt", "invoke:run", "paramiko:ProxyCommand", "gevent.subprocess:check_output"),
        *("numpy.ctypeslib:load_library", "pandas:DataFrame.query", "joblib.disk:delete_folder"),
    ],
)
def test_a_package_function_that_runs_commands_or_writes_files_is_found(function: str) -> None:
    assert judge(scan_pickle(assemble(call(name(*function.split(":")), string("x")))))


SOUND_FILE = dump(np.arange(3), compress=3)
UNREADABLE_FILES = {
    "the pickle is followed by": dump(1) + b"x",
    "followed by other data": SOUND_FILE + b"x",
    "content ends early": SOUND_FILE[:-5],
    "lz4": b"\x04\x22\x4d\x18" + bytes(100),
    "before version 0.10": b"ZF0x3" + bytes(100),
    "an array ends early": dump(np.arange(300))[:-50],
    "frame": b"\x80\x04\x95\x03" + bytes(7) + b"K\x01K\x01.",
    "NEXT_BUFFER": b"\x80\x05\x97.",
    "cannot load": assemble(array(b"J\xff\xff\xff\x7f" * 2 + b"J\xff\xff\xff\x7f\x87")),
    "the shape of an array": assemble(array(b"J\xff\xff\xff\xff\x85")),
    "unknown": b"\x80\x04\xff.",
    "changes a class": assemble(b"cpickle\n_Unpickler.dispatch\nK\x01K\x02s"),
}


@pytest.mark.parametrize(("reason", "content"), UNREADABLE_FILES.items(), ids=UNREADABLE_FILES)
def test_an_unreadable_pickle_is_an_error(reason: str, content: bytes) -> None:
    result = scan_pickle(content)
    assert reason in result.problem
    assert judge(result)


def test_a_file_that_grows_without_limit_is_an_error() -> None:
    content = dump(np.zeros(1 << 20), compress=3)
    assert len(content) < 1 << 16
    assert "1,048,576 decompressed bytes" in scan_pickle(content, {"decompressed bytes": 1 << 20}).problem


LIMIT_CASES = {
    "opcodes": ("opcodes", b"N" * 30),
    "opcodes read twice": ("opcodes", dump(np.array(["a"], dtype=object)) * 2),
    "arguments": ("function arguments", b"(" + b"N" * 9 + b"tq\x000" + b"cbuiltins\nlen\nh\x00R" * 3 + b"."),
    "bytes": ("decompressed bytes", zlib.compress(bytes(90))),
    "archives": ("files and arrays", make_zip(make_zip(b"", "x"), "x")),
    "arrays": ("files and arrays", to_bytes(partial(np.save, arr=np.ones(3))) * 3),
}


@pytest.mark.parametrize(("limit", "content"), LIMIT_CASES.values(), ids=LIMIT_CASES)
def test_the_files_of_a_model_share_the_limits_of_reading(limit: str, content: bytes, tmp_path: Path) -> None:
    """Files beyond the limit are not read, so an error is reported for the model, whatever its files are named."""
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(archive_of(**{f"{index}.txt": content for index in range(40)}))
    assert not any(map(judge, read_pickles(archive)))
    for maximum in range(9, 79):
        pickles = read_pickles(archive, Budget({limit: maximum}))
        assert judge(pickles[-1])
        assert len(pickles) < 40


def test_all_pickles_in_an_archive_are_read(tmp_path: Path) -> None:
    def pack(name: str, **changed: bytes) -> Path:
        (tmp_path / name).write_bytes(archive_of(**files | changed))
        return tmp_path / name

    files = {"./model.pkl": pickle.dumps(len), "held_out.csv": b"a,b\n", "more/x.pickle": pickle.dumps(1)}
    archive = pack("model.tar.gz")
    assert [item.name for item in read_pickles(archive)] == ["model.pkl", "more/x.pickle"]
    assert get_size(archive) == sum(map(len, files.values()))
    assert have_same_models(archive, pack("again.tar.gz"))
    assert have_same_models(archive, pack("other.tar.gz", **{"held_out.csv": b"a,c\n"}))
    assert not have_same_models(archive, pack("other.tar.gz", **{"./model.pkl": pickle.dumps(max)}))
    archive.write_bytes(archive.read_bytes()[:60])
    with pytest.raises(ValueError, match="could not be read"):
        read_pickles(archive)


def test_a_file_that_is_not_a_pickle_is_not_an_attack() -> None:
    for content in (b"", b'{"learner": {}}', b"tree\nversion=v4\n", bytes(100)):
        result = scan_pickle(content)
        assert result.is_foreign
        assert judge(result) is None


def test_a_name_that_a_pickle_computes_is_reported_as_unknown() -> None:
    # the module's name is the result of a function call
    content = b"\x80\x04\x8c\x08builtins\x8c\x03str\x93\x8c\x02os\x85R\x8c\x06system\x93."
    assert pickle.loads(content) is os.system
    assert ("", "system") in scan_pickle(content).imports


@examples(300)
@given(st.binary(max_size=300))
def test_any_bytes_can_be_scanned(content: bytes) -> None:
    assert all(isinstance(module, str) and isinstance(name, str) for module, name in scan_pickle(content).imports)


@pytest.mark.parametrize("prefix", [b"\x80\x04\x8e" + (3 << 30).to_bytes(8, "little"), b"\x80\x04V"])
def test_values_that_are_too_large_to_read_are_reported(prefix: bytes, tmp_path: Path) -> None:
    with open(tmp_path / "model.pkl", "w+b") as file:
        file.write(prefix)
        file.truncate(5 << 30)
        file.seek(0)
        assert "of more than 1 MiB" in scan("model.pkl", 5 << 30, file, Budget({VALUE_BYTES: 1 << 20})).problem


def npy(*contents: Any) -> bytes:
    return b"".join(to_bytes(partial(np.save, arr=content)) for content in contents)


OBJECTS = np.array(["a", None], dtype=object)
BENIGN_FILES: dict[str, tuple[bytes, int]] = {  # with the number of pickles in them
    "held_out.csv": (b"x,y\n1,2\n", 0),
    "model.txt": (b"tree\nversion=v4\n", 0),
    "model.json": (XGBRegressor(n_estimators=2).fit(X, Y).get_booster().save_raw("json"), 0),
    "model.ubj": (XGBRegressor(n_estimators=2).fit(X, Y).get_booster().save_raw("ubj"), 0),
    "x.csv.gz": (gzip.compress(b"x,y\n"), 0),
    "names.txt": (b"copper\nzinc\nlead\n", 0),
    "numbers.npy.gz": (gzip.compress(npy(np.ones(3))), 0),
    "numbers.npy": (npy(np.ones(3), np.ones(3)), 0),
    "numbers.npz": (to_bytes(lambda file: np.savez(file, np.ones(3))), 0),
    "objects.npy": (npy(OBJECTS), 1),
    "objects.npz": (to_bytes(lambda file: np.savez_compressed(file, OBJECTS)), 1),
    "model.bin": (pickle.dumps(Ridge()), 1),
    "model.z": (dump(Ridge(), compress=3), 1),
    "model.pkl": (dump(Ridge().fit(X, Y)), 1),
    "old.pkl": (pickle.dumps(Ridge(), 0), 1),
    "function.pkl": (cloudpickle.dumps(lambda: None), 1),
}


@pytest.mark.parametrize("name", BENIGN_FILES)
def test_benign_files_of_other_kinds_have_no_findings(name: str) -> None:
    content, count = BENIGN_FILES[name]
    pickles = list(find_pickles(name, len(content), io.BytesIO(content), Budget()))
    assert len(pickles) == count
    assert not any(judge(pickle) or pickle.problem for pickle in pickles)


COMMANDS = np.array([Command()], dtype=object)
NPZ, PICKLED = to_bytes(lambda file: np.savez(file, COMMANDS)), pickle.dumps(Command())
ATTACK_FILES = {
    "objects.npy": npy(COMMANDS),
    "objects.npz": NPZ,
    "numbers.npy": npy(np.ones(3), COMMANDS),
    "array and pickle.npy": npy(np.ones(3)) + PICKLED,
    "model.pt": make_zip(PICKLED),
    "weights": PICKLED,
    "weights.gz": gzip.compress(PICKLED),
    "truncated.npz": NPZ[:-9],
    "none first.bin": b"N0" + PICKLED,
    "old.bin": pickle.dumps(Command(), 0),
    "packed.npy.gz": gzip.compress(npy(COMMANDS)),
    "after an empty archive.npz": b"PK\x05\x06" + bytes(18) + NPZ,
    "negative.npy": npy(np.ones(3)).replace(b"(3,)", b"(-3,)"),
}


@pytest.mark.parametrize("name", ATTACK_FILES)
def test_an_attack_in_a_file_of_another_kind_is_found(name: str) -> None:
    content = ATTACK_FILES[name]
    assert any(judge(pickle) for pickle in find_pickles(name, len(content), io.BytesIO(content), Budget()))


def object_array(values: list[Any]) -> Any:
    objects = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        objects[index] = value
    return objects


PLAIN_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(max_size=2000)
    | st.binary(max_size=2000)
    | st.builds(bytearray, st.binary(max_size=20))
    | st.dates()
    | st.timedeltas()
    | st.fractions()
    | st.uuids()
    | arrays(
        scalar_dtypes() | array_dtypes(allow_subarrays=True) | byte_string_dtypes() | unicode_string_dtypes(),
        array_shapes(min_dims=0, min_side=0, max_side=3),
    ),
    lambda values: (
        st.lists(values, max_size=4)
        | st.tuples(values, values)
        | st.dictionaries(st.text(max_size=9), values, max_size=4)
        | st.builds(object_array, st.lists(values, max_size=3))
        | st.sets(st.integers() | st.text(max_size=3), max_size=3)
    ),
    max_leaves=8,
)


@examples(40)
@given(PLAIN_VALUES, st.sampled_from(range(pickle.HIGHEST_PROTOCOL + 1)), st.sampled_from(COMPRESSIONS))
@example(np.zeros(1, [(("title", "name"), "?"), ("other", "f8")]), 0, 0)
@example([0j, np.empty(0, object)], 0, 0)  # without joblib, the number in its memo would be used as a module's name
def test_plain_values_have_no_findings(value: Any, protocol: int, compress: Any) -> None:
    for content in (dump([value, value], protocol=protocol, compress=compress), pickle.dumps(value, protocol)):
        result = scan_pickle(content)
        assert not result.problem
        assert judge(result) is None


# A program that loads files with joblib, each in a separate process, because numpy may crash. It imports only the names
# that arrays need, and prints all names that each file requests.
RECORD = """
import io, json, os, pickle, sys, warnings
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from joblib.numpy_pickle import NumpyUnpickler
import numpy._core.multiarray

NEEDED = {("joblib.numpy_pickle", "NumpyArrayWrapper"), ("numpy", "dtype"), ("numpy", "ndarray")}
NEEDED |= {("numpy._core.multiarray", "_reconstruct"), ("_codecs", "encode")}

class Recorder(NumpyUnpickler):
    def find_class(self, module, name):
        if self.proto < 3:
            module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
        os.write(1, json.dumps([number, module, name]).encode() + b"\\n")
        return super().find_class(module, name) if (module, name) in NEEDED else lambda *_: None

warnings.simplefilter("ignore")
for number, content in enumerate(pickle.load(sys.stdin.buffer)):
    if process := os.fork():
        os.waitpid(process, 0)
        continue
    try:
        Recorder("", io.BytesIO(content), ensure_native_byte_order=True).load()
    finally:
        os._exit(0)
"""
SEEDS = [
    dump([np.arange(3), np.array(["a", len], dtype=object), {"x": (np.ones(2), len)}], protocol=protocol)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
] + [*ATTACKS.values(), *TRICKS.values()]


OPCODES = [ord(opcode.code) for opcode in pickletools.opcodes]


def change(content: bytes, random: Random) -> bytes:
    """Copy, replace, insert or delete a few bytes, mostly opcodes."""
    changed = bytearray(content)
    for _ in range(random.randint(1, 3)):
        start, target = random.randrange(len(changed)), random.randrange(len(changed))
        part = changed[start : start + random.randrange(12)]
        if random.random() < 0.5:
            part = bytearray(
                random.choice(OPCODES) if random.random() < 0.7 else random.randrange(256) for _ in part[:2]
            )
        changed[target : target + random.choice([0, 0, len(part)])] = part
    return bytes(changed)


def test_all_names_that_joblib_would_import_are_found_in_changed_files() -> None:
    random = generator("changed pickles")
    contents = SEEDS + [change(random.choice(SEEDS), random) for _ in range(100 * TIMES)]
    program = [sys.executable, "-c", RECORD]
    lines = subprocess.run(program, input=pickle.dumps(contents), capture_output=True, check=True).stdout.splitlines()
    requested = [tuple(json.loads(line)) for line in lines]
    assert len({number for number, *_ in requested}) > len(contents) / 2
    results = [scan_pickle(content) for content in contents]
    assert any(not each.problem for each in results)
    for number, *name in requested:
        assert results[number].problem or tuple(name) in results[number].imports, contents[number]
