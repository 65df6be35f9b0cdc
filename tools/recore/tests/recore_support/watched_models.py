"""Load models with load.py, one after another, and print each name, expected finding and record as JSON.

    python watched_models.py FOLDER

FOLDER becomes the working directory. `own` stands for a module of the submission.
"""

import _thread
import contextlib
import copy
import copyreg
import functools
import gc
import io
import json
import marshal
import operator
import os
import pathlib
import pickle
import re
import subprocess
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any

import cloudpickle
import joblib
import load  # of recore.check.programs
import numpy as np
import pandas as pd
import pandas.io.common
import psutil
import pyarrow.fs
import scipy.io
import scipy.sparse
import scipy.stats
from joblib.disk import rm_subdirs
from scipy.signal import savgol_filter
from sklearn.base import TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.cross_decomposition import PLSRegression
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVR
from xgboost import XGBRegressor

TABLE = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [0.0, 1, 0, 1], "c": ["x", "y", "x", "y"]})
X, Y = TABLE[["a", "b"]], TABLE["a"]
SMOOTH = functools.partial(savgol_filter, window_length=1, polyorder=0)


def make_ordinary_models() -> dict[str, Any]:
    return {
        "ridge": RidgeCV().fit(X, Y),
        "forest": RandomForestRegressor(2).fit(X, Y),
        "boosted trees": HistGradientBoostingRegressor(max_iter=2).fit(X, Y),
        "XGBoost": XGBRegressor(n_estimators=2).fit(X, Y),
        "support vectors": SVR().fit(X, Y),
        "neighbours": KNeighborsRegressor(1, algorithm="kd_tree").fit(X, Y),
        "Gaussian process": GaussianProcessRegressor().fit(X, Y),
        "PLS": make_pipeline(FunctionTransformer(SMOOTH), FunctionTransformer(np.log1p), PLSRegression(1)).fit(X, Y),
        "search": GridSearchCV(
            make_pipeline(make_column_transformer((OneHotEncoder(), ["c"]), (StandardScaler(), ["a", "b"])), Ridge()),
            {"ridge__alpha": [1.0, 2.0]},
            cv=2,
        ).fit(TABLE, Y),
        "distributions": [
            RandomizedSearchCV(Ridge(), {"alpha": scipy.stats.loguniform(1, 2), "tol": scipy.stats.beta(1, 2)}),
            FunctionTransformer(pd.to_numeric),
        ],
        "table": TABLE.assign(when=pd.date_range("2020", periods=4, tz="UTC"), kind=pd.Categorical(list("abab"))),
        "Arrow": pd.Series(["a", None], dtype="string[pyarrow]"),
        "StringDType": np.array(["a", "b"], dtype=np.dtypes.StringDType()),
        "arrays": [
            np.array(["a", None], object),
            np.zeros(2, [("a", "i8"), ("b", "O")]),
            np.ma.array([1, 2], mask=[0, 1]),
        ],
        "random numbers": [np.random.default_rng(0), np.random.RandomState(0)],
        "Python": [pathlib.Path("/opt/ml"), re.compile("a"), ValueError("a"), range(3), type(None), ..., len, {1}],
        "sparse": scipy.sparse.csr_matrix(np.eye(3)),
    }


class Call:
    """An object whose pickle calls a function."""

    def __init__(self, function: Any, *arguments: Any):
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def call(module: str, name: str, argument: str = "made") -> bytes:
    """Return a pickle that calls a function, by any name, with a string."""
    parts = b"".join(b"\x8c" + len(each).to_bytes(1) + each.encode() for each in (module, name))
    return b"\x80\x04" + parts + b"\x93\x8c" + len(argument).to_bytes(1) + argument.encode() + b"\x85R."


def dump(value: Any, compress: Any = 0) -> bytes:
    file = io.BytesIO()
    joblib.dump(value, file, compress=compress)
    return file.getvalue()


def own_function(function: Callable[..., Any], *arguments: Any) -> bytes:
    """Return a pickle that calls a function of the submission's module."""
    function.__module__, function.__qualname__ = "own", function.__name__
    setattr(own, function.__name__, function)
    return pickle.dumps(Call(function, *arguments))


def write_to_sockets(line: bytes, count: int) -> None:
    for number in range(3, 30):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{number}").startswith("socket"):
                os.write(number, line * count)
    os.mkdir("made")


def reopen_sockets() -> None:
    for number in range(3, 30):
        with contextlib.suppress(OSError), open(f"/proc/self/fd/{number}", "rb", buffering=0) as file:
            file.read(1 << 20)
    os.mkdir("made")


def run_as_library() -> None:
    exec(compile("import os; os.mkdir('made')", np.__file__, "exec"), {})


def search_memory() -> None:
    gc.get_objects()


def spin() -> None:
    while True:
        pass


def leave_process() -> None:
    if os.fork() == 0:
        os.setsid()
        spin()


def kill() -> None:
    os.kill(os.getpid(), 9)


class State:
    def __setstate__(self, state: Any) -> None:
        os.mkdir("made")


own = sys.modules["own"] = types.ModuleType("own")
own.State, State.__module__ = State, "own"
own.write_to_sockets = write_to_sockets
STATE = State()
STATE.value = 1
CODE = marshal.dumps(compile("1", "", "eval"))
END = b'["end", "", ""]\n'
NORM = pickle.loads(pickle.dumps(scipy.stats.norm))
NORM._parse_arg_template = "import os, own; own.write_to_sockets(END, 1); os._exit(0)".replace("END", repr(END))
COPIED = copyreg.__newobj__, (type(NORM),), NORM.__getstate__()  # to copy this runs the string in its state
COPY = {"__reduce_ex__": functools.partial(max, COPIED, key=operator.truth)}
PATCH = functools.partial(copy.copy, Call(copyreg._reconstructor, Call(type, "Copied", (), COPY), object, None))
PATCHED = Call(copy.copy, TransformerMixin)
PATCHED.call += ((None, {"__init_subclass__": PATCH}),)
OTHER_RECORD = "the record has no end, or continues after it"
HOSTILE = {  # with a part of the finding
    "os.system": (pickle.dumps(Call(os.system, "true")), "posix.system"),
    "subprocess": (pickle.dumps(Call(subprocess.Popen, ["true"])), "subprocess.Popen"),
    "os.system by value": (cloudpickle.dumps(Call(lambda: os.system("true"))), "os.system"),
    "fork_exec by value": (cloudpickle.dumps(Call(lambda: __import__("_posixsubprocess").fork_exec)), "cloudpickle"),
    "marshal": (pickle.dumps(Call(marshal.loads, CODE)), "marshal.loads"),
    "memmap": (pickle.dumps(Call(np.memmap, "made", "uint8", "w+", 0, (3,))), "open made w+"),
    "copyto": (
        pickle.dumps(Call(np.copyto, Call(np.memmap, "existing", "uint8", "r+", 0, (3,)), 1)),
        "open existing r+",
    ),
    "rm_subdirs": (pickle.dumps(Call(rm_subdirs, "folder")), "joblib.disk.rm_subdirs"),
    "get_handle": (pickle.dumps(Call(pandas.io.common.get_handle, "made", "w")), "open made w"),
    "OSFile": (pickle.dumps(Call(pyarrow.OSFile, "made", "w")), "pyarrow.lib.OSFile"),
    "delete_dir": (call("pyarrow.fs", "LocalFileSystem.delete_dir"), "pyarrow._fs.FileSystem.delete_dir"),
    "read_csv": (
        pickle.dumps(Call(pd.read_csv, "http://localhost:1/a.csv")),
        "urllib.Request http://localhost:1/a.csv",
    ),
    "mmwrite": (pickle.dumps(Call(scipy.io.mmwrite, "made", np.eye(2))), "scipy.io._fast_matrix_market.mmwrite"),
    "save_model": (call("xgboost", "Booster.save_model"), "xgboost.core.Booster.save_model"),
    "to_parquet": (call("pandas", "DataFrame.to_parquet"), "pandas.core.frame.DataFrame.to_parquet"),
    "thread": (pickle.dumps(Call(_thread.start_new_thread, len, ("",))), "_thread.start_new_thread"),
    "__setstate__": (pickle.dumps(STATE), "os.mkdir made"),
    "module of a module": (call("joblib.disk", "os.mkdir"), "posix.mkdir"),
    "alias in a submission's module": (call("own", "os_mkdir"), "posix.mkdir"),
    "modules of sys": (call("own", "sys.modules"), "sys.modules"),
    "globals of a function": (call("numpy", "savetxt.__globals__.get"), "numpy.savetxt.__globals__.get"),
    "any method": (call("numpy._core.fromnumeric", "_wrapfunc"), "numpy._core.fromnumeric._wrapfunc"),
    "getattr": (call("builtins", "getattr"), "builtins.getattr"),
    "methodcaller": (call("operator", "methodcaller"), "operator.methodcaller"),
    "name of Python 2": (b"c__builtin__\neval\n(S'1'\ntR.", "builtins.eval"),
    "evaluation": (pickle.dumps(Call(pd.eval, "1")), "pandas.core.computation.eval.eval"),
    "string in a state": (pickle.dumps(NORM), "compile"),
    "string during an import": (
        pickle.dumps(PATCHED, 2)[:-1] + b"0csklearn.kernel_approximation\nNystroem\n.",
        "compile",
    ),
    "module": (b"csklearn\nbase\n}S'clone'\nNsb.", "sklearn.base"),
    "function by its name": (call("scipy._lib._uarray._backend", "unpickle_function"), "unpickle_function"),
    "attribute by its name": (call("sklearn.feature_selection._base", "_get_feature_importances"), "_importances"),
    "in joblib's array": (dump(np.array([Call(os.mkdir, "made")], object)), "posix.mkdir"),
    "named as a library": (own_function(run_as_library), "os.mkdir made"),
    "an end": (own_function(write_to_sockets, END, 1), OTHER_RECORD),
    "another line": (own_function(write_to_sockets, b"[1]\n", 1), "an invalid line"),
    "half a line": (own_function(write_to_sockets, b'["name"', 1), "an invalid line"),
    "a flood": (own_function(write_to_sockets, b'["name", "numpy", "ndarray"]\n', 20_000), "longer than 256 KiB"),
    "reads the record": (own_function(reopen_sockets), "os.mkdir made"),
    "searches memory": (own_function(search_memory), "gc.get_objects"),
    "kills itself": (own_function(kill), OTHER_RECORD),
    "never ends": (own_function(spin), "longer to load than a server"),
    "leaves a process": (own_function(leave_process), "os.fork"),
}


def write_ordinary_models(path: pathlib.Path) -> None:
    """Write each model in several formats: dictionaries of pickles, and of files of joblib."""
    pickles, files = {}, {}
    for number, (name, value) in enumerate(make_ordinary_models().items()):
        for protocol in (number % 4, 4, 5):
            pickles[f"{name}, protocol {protocol}"] = pickle.dumps(value, protocol)
        for compress in (0, [("zlib", 3), ("gzip", 3), ("bz2", 3), ("lzma", 3), ("xz", 3)][number % 5]):
            files[f"{name}, {compress}"] = dump(value, compress)
    path.write_bytes(pickle.dumps((pickles, files)))


def main() -> None:
    own.os_mkdir, own.sys = os.mkdir, sys
    os.chdir(sys.argv[1])
    warnings.simplefilter("ignore")
    pathlib.Path("existing").write_bytes(bytes(3))
    pathlib.Path("folder").mkdir()
    path = pathlib.Path("ordinary")
    if os.fork() == 0:  # threads of OpenMP would not survive the forks below
        write_ordinary_models(path)
        os._exit(0)
    os.wait()
    pickles, files = pickle.loads(path.read_bytes())
    gc.freeze()
    ordinary = {name: (content, None) for name, content in (pickles | files).items()}
    for name, (content, expected) in (HOSTILE | ordinary).items():
        unpickle = joblib.load if name in files or name == "in joblib's array" else pickle.load
        record = load.watch(functools.partial(unpickle, io.BytesIO(content)), seconds=1 if name == "never ends" else 60)
        print(json.dumps([name, expected, record]), flush=True)
    assert not psutil.Process().children(recursive=True)


if __name__ == "__main__":
    main()
