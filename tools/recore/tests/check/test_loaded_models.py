"""What models do while they are loaded is recorded: no ordinary model is accused, and each hostile one is named."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.checkout import ROOT, environment

from recore.check.experiment_jobs import PROGRAMS
from recore.check.job_results import LoadRecord
from recore.check.model_names import is_expected
from recore.check.running_rules.rc403_pickle_extension import judge
from recore.check.running_rules.rc404_pickle_command import find_events, find_names

OTHER_RECORD = "the record has no end, or continues after it"
FOUND = {  # a part of a finding about each hostile model
    "os.system": "posix.system",
    "subprocess": "subprocess.Popen",
    "os.system by value": "os.system",
    "fork_exec by value": "cloudpickle",
    "marshal": "marshal.loads",
    "memmap": "open made w+",
    "copyto": "open existing r+",
    "rm_subdirs": "joblib.disk.rm_subdirs",
    "get_handle": "open made w",
    "OSFile": "pyarrow.lib.OSFile",
    "delete_dir": "pyarrow._fs.FileSystem.delete_dir",
    "read_csv": "urllib.Request http://localhost:1/a.csv",
    "mmwrite": "scipy.io._fast_matrix_market.mmwrite",
    "save_model": "xgboost.core.Booster.save_model",
    "to_parquet": "pandas.core.frame.DataFrame.to_parquet",
    "thread": "_thread.start_new_thread",
    "__setstate__": "os.mkdir made",
    "module of a module": "posix.mkdir",
    "alias in a submission's module": "posix.mkdir",
    "modules of sys": "sys.modules",
    "globals of a function": "numpy.savetxt.__globals__.get",
    "any method": "numpy._core.fromnumeric._wrapfunc",
    "getattr": "builtins.getattr",
    "methodcaller": "operator.methodcaller",
    "name of Python 2": "builtins.eval",
    "evaluation": "pandas.core.computation.eval.eval",
    "in joblib's array": "posix.mkdir",
    "named as a library": "os.mkdir made",
    "an end": OTHER_RECORD,
    "another line": "an invalid line",
    "half a line": "an invalid line",
    "a flood": "longer than 256 KiB",
    "reads the record": "os.mkdir made",
    "kills itself": OTHER_RECORD,
    "never ends": "longer to load than a server",
    "leaves a process": "os.fork",
}


def find(report: dict[str, object]) -> str:
    record = LoadRecord.read(report)
    parts = [judge(record), *find_names(record, {"own"}), *find_events(record), record.problem]
    return "; ".join(filter(None, parts))


def test_ordinary_models_are_not_accused_and_hostile_ones_are_named(tmp_path: Path) -> None:
    program = ROOT / "tools/recore/tests/recore_support/watched_models.py"
    command = [sys.executable, program, tmp_path]
    variables = environment() | {"PYTHONPATH": str(PROGRAMS)}
    result = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    hostile, ordinary = {}, {}
    for line in result.stdout.splitlines():
        name, is_hostile, report = json.loads(line)
        (hostile if is_hostile else ordinary)[name] = find(report)
        assert is_hostile or report["lines"][-1] == ["end", "", ""], name
    assert hostile.keys() == FOUND.keys()
    assert {name: found for name, found in hostile.items() if FOUND[name] not in found} == {}
    assert len(ordinary) == 80
    assert {name: found for name, found in ordinary.items() if found} == {}


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        ("own", "Model", True),
        ("own.layers", "Model.Inner", True),
        ("own", "fit.__globals__", False),
        ("lightgbm.sklearn", "LGBMRegressor", True),
        ("lightgbm.basic", "Booster.save_model", False),
        ("sklearn.metrics._scorer", "_passthrough_scorer", True),
        ("scipy.interpolate._interpolate", "interp1d._call_linear_np", True),
        ("pandas._libs.tslibs.timestamps", "_unpickle_timestamp", True),
        ("builtins", "UnicodeDecodeError", True),
        ("builtins", "__import__", False),
        ("exceptions", "ValueError", True),
        ("commands", "getoutput", False),
        ("gevent.os", "fork", False),
        ("pyarrow", "OSFile", False),
        ("numpy.ctypeslib", "load_library", False),
        ("joblib.externals.loky.backend.fork_exec", "fork_exec", False),
    ],
)
def test_names_of_data_and_estimators_are_expected(module: str, name: str, expected: bool) -> None:
    assert is_expected(module, name, {"own"}) == expected
