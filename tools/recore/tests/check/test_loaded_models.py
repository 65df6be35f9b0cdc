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
    missed, accused, count = {}, {}, 0
    for line in result.stdout.splitlines():
        name, expected, report = json.loads(line)
        found = find(report)
        if expected is None:
            count += 1
            assert report["lines"][-1] == ["end", "", ""], name
            accused |= {name: found} if found else {}
        elif expected not in found:
            missed[name] = found
    assert missed == accused == {}
    assert count == 85


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
        ("pandas.core.generic", "NDFrame.fillna", True),
        ("sklearn.cluster._kmeans", "_kmeans_single_lloyd", True),
        ("builtins", "UnicodeDecodeError", True),
        ("builtins", "__import__", False),
        ("exceptions", "ValueError", True),
        ("commands", "getoutput", False),
        ("gevent.os", "fork", False),
        ("pyarrow", "OSFile", False),
        ("numpy.ctypeslib", "load_library", False),
        ("joblib.externals.loky.backend.fork_exec", "fork_exec", False),
        ("builtins", "str.format", False),
        ("numpy._pytesttester", "PytestTester", False),
        ("pandas.core.apply", "Apply.apply_str", False),
        ("pandas.core.arraylike", "array_ufunc", False),
        ("scipy._external.array_api_compat._internal", "clone_module", False),
        ("sklearn.base", "BaseEstimator.get_params", False),
        ("sklearn.utils.estimator_checks", "check_dict_unchanged", False),
        ("xgboost.core", "ExtMemQuantileDMatrix", False),
        ("load", "Witness", False),
    ],
)
def test_names_of_data_and_estimators_are_expected(module: str, name: str, expected: bool) -> None:
    assert is_expected(module, name, {"own"}) == expected
