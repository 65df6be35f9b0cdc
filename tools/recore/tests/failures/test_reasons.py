"""The cause and the fix of a job's failure, found in the platform's failure reason and the log."""

import io
import os
import pickle
import resource
import sqlite3
import subprocess
import sys
import tarfile
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recore_support.tiny_submission import stub
from stagemaker_support.fuzzing import examples
from support.checkout import ROOT

from recore.evaluation.step import Step
from recore.evaluation.submission import pack_files
from recore.failures import fixes
from recore.failures.exceptions import find_exception
from recore.failures.explanation import explain_failure, suggest_location
from recore.failures.failure_reason import read_reason
from recore.failures.fixes import fix_for, missing_module_fix
from recore.failures.job_log import last_error, last_lines
from recore.failures.source_fixes import source_fix
from stagemaker import container_packages
from stagemaker.isolation.unsandboxed import NO_SANDBOX

TOOLKIT_BEGINNING = """\
2026-11-20 19:48:46,574 sagemaker-training-toolkit INFO     Invoking user script
Training Env:
{
    "hosts": ["localhost"]
}
SM_HOSTS=["localhost"]
Invoking script with the following command:
 
/usr/bin/python3 train.py
 
 
"""  # noqa: W293
TRACEBACK = """\
Traceback (most recent call last):
  File "/opt/ml/code/train.py", line 31, in fit
    return PLSRegression(5).fit(inputs, targets)
  File "/usr/lib/python3.12/site-packages/sklearn/utils/validation.py", line 186, in _assert_all_finite
    raise ValueError(msg_err)
ValueError: Input y contains NaN.
"""
TOOLKIT_END = """\
2026-11-20 19:48:49,674 sagemaker-training-toolkit INFO     Failure file exists. Skipping creation....
2026-11-20 19:48:49,679 sagemaker-training-toolkit ERROR    Reporting training FAILURE
2026-11-20 19:48:49,680 sagemaker-training-toolkit ERROR    ExecuteUserScriptError:
ExitCode 1
ErrorMessage ""
Command "/usr/bin/python3 train.py"
2026-11-20 19:48:49,680 sagemaker-training-toolkit ERROR    Encountered exit_code 1
"""
INTERRUPT = TRACEBACK.replace("ValueError: Input y contains NaN.", "KeyboardInterrupt")
INTERRUPT_REASON = "KeyboardInterrupt (train.py, line 31, in fit)"
NAN_REASON = "ValueError: Input y contains NaN. (train.py, line 31, in fit)"
TOOLKIT_REASON = 'ExecuteUserScriptError:\nExitCode {}\nErrorMessage "{}"\nCommand "python3 train.py", exit code: {}'
DISK_FULL = "No space left on device: the job needs more than the VolumeSizeInGB of 1"
NO_ERROR = "the script exited with code 3 and wrote no error"
MEMORY = "The job needed more memory than its instance type has"
KILL_REASON = "the script was killed by SIGKILL"
LOG_HINT = "See job logs for more information"
NO_PACKAGE = "requirements.txt could not be installed: ERROR: no such package"
JOB_FOLDER = "/tmp/x-jobs-y/job-bef7c8c4db33"
REASONS = [  # the platform's reason without its kind, the log, and the reason that users read
    ("ValueError: Input y contains NaN., exit code: 1", TRACEBACK, NAN_REASON),
    (TOOLKIT_REASON.format(1, "ValueError: Input y contains NaN.", 1), TRACEBACK, NAN_REASON),
    (f"ValueError: Input y contains NaN.\n{NO_SANDBOX}, exit code: 1", TRACEBACK, f"{NAN_REASON}. {NO_SANDBOX}"),
    (LOG_HINT, TRACEBACK, NAN_REASON),
    ("no copper here, exit code: 1", "no copper here\n", "no copper here"),
    (TOOLKIT_REASON.format(3, "no copper", 3), "no copper\n", "no copper, exit code 3"),
    (LOG_HINT, "one\ntwo\n", f"{LOG_HINT}; its last line: two"),
    (None, "", "the platform reported no reason"),
    (f"{NO_ERROR}, exit code: 3", TRACEBACK, NO_ERROR),
    (f"{MEMORY}, exit code: 137", TRACEBACK, MEMORY),
    (f"{KILL_REASON}, exit code: 137", TRACEBACK, KILL_REASON),
    ("the script was killed by SIGSEGV, exit code: 139", "", "the script was killed by SIGSEGV"),
    ("the script was killed by SIGINT\nKeyboardInterrupt, exit code: 130", INTERRUPT, INTERRUPT_REASON),
    ("3 of 5\n \n, exit code: 137", "3 of 5\n", "3 of 5, killed by SIGKILL"),
    (", exit code: 139", "", "it printed nothing, killed by SIGSEGV"),
    ("3 of 5, exit code: 255", "3 of 5\n", "3 of 5, exit code 255"),  # there is no such signal
    (f"{DISK_FULL}, exit code: 137", TRACEBACK, DISK_FULL),
    ("no copper, exit code: 1", TRACEBACK + "a line\n" * 30 + "no copper\n", "no copper"),
    (NO_PACKAGE, TRACEBACK, NO_PACKAGE),
    # without isolation, jobs and containers have different folders
    (
        f"score.py: {JOB_FOLDER}/ml/processing/a.csv: empty, exit code: 1",
        "",
        "score.py: /opt/ml/processing/a.csv: empty",
    ),
    (f"no {JOB_FOLDER}/instance-1/container-2/ml/model/a.pkl", "", "no /opt/ml/model/a.pkl"),
]


def write_log(folder: Path, log: str | bytes) -> Path:
    path = folder / "logs" / "train.log"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(log if isinstance(log, bytes) else log.encode())
    return path


@pytest.mark.parametrize("kind", ["AlgorithmError", "ClientError"])
@pytest.mark.parametrize(("platforms_reason", "log", "reason"), REASONS)
def test_the_reason_combines_the_failure_reason_and_the_log(
    platforms_reason: str | None, log: str, reason: str, kind: str, tmp_path: Path
) -> None:
    log_file = write_log(tmp_path, TOOLKIT_BEGINNING + log + TOOLKIT_END)
    failure, exception = read_reason(platforms_reason and f"{kind}: {platforms_reason}", log_file)
    assert failure == reason
    assert (exception is not None) == (reason.startswith((NAN_REASON, INTERRUPT_REASON)))


def test_a_reason_is_read_without_a_log(tmp_path: Path) -> None:
    assert read_reason("ClientError: no such image", tmp_path / "log") == ("no such image", None)
    assert last_lines(tmp_path / "log") == []


def test_the_exception_comes_first_and_the_toolkit_is_not_shown(tmp_path: Path) -> None:
    log = write_log(tmp_path, TOOLKIT_BEGINNING + "fitting\n" + TRACEBACK + TOOLKIT_END)
    step = Step("train", state="Failed")
    step.reason, step.exception = read_reason("AlgorithmError: See job logs", log)
    assert explain_failure(step, tmp_path, tmp_path) == [
        f"recore: train failed: {NAN_REASON}",
        "  fix: wrap the estimator in MeasuredRowsRegressor from the template's estimators.py, which fits each "
        "target on the rows where it was measured, because assays have gaps. Put wrappers such as "
        "TransformedTargetRegressor inside it.",
        "  its last lines:",
        "    fitting",
        *(f"    {line}" for line in TRACEBACK.splitlines()),
        f"  its log: {log}",
    ]


def test_a_script_that_printed_nothing_is_explained(tmp_path: Path) -> None:
    log = write_log(tmp_path, TOOLKIT_BEGINNING + TOOLKIT_END)
    step = Step("train", state="Failed", reason="the script exited with code 3 and wrote no error")
    lines = [f"  look at: {suggest_location(step)}", "  it printed nothing", f"  its log: {log}"]
    assert explain_failure(step, tmp_path, tmp_path)[1:] == lines


@pytest.mark.parametrize(
    ("reason", "log"),
    [
        (MEMORY, ""),
        ("the server did not respond", "[2026-11-20 19:51:57 +0000] [9] [ERROR] (pid:12) was sent SIGKILL!\n"),
    ],
)
def test_a_lack_of_memory_has_a_fix(reason: str, log: str, tmp_path: Path) -> None:
    write_log(tmp_path, log)
    assert "16 GiB" in explain_failure(Step("train", state="Failed", reason=reason), tmp_path, tmp_path)[1]


def test_the_last_error_in_a_programs_output_is_found() -> None:
    assert last_error("fitting\n" + TRACEBACK + "the end\n") == NAN_REASON
    assert last_error("one\n\x1b[2Jtwo\n \n") == "?[2Jtwo"
    assert last_error(" \n") == last_error("") == ""


SERVER = """\
[2026-11-20 19:51:56 +0000] [26775] [INFO] Listening at: unix:/run/server/http (26775)
a request
[2026-11-20 19:51:57 +0000] [26775] [ERROR] Worker (pid:26828) exited with code 3
"""


def test_the_servers_own_lines_are_omitted_except_errors(tmp_path: Path) -> None:
    first, last = last_lines(write_log(tmp_path, SERVER))
    assert first == "a request"
    assert last.endswith("(pid:26828) exited with code 3")


@pytest.mark.parametrize(
    "line", [b"x" * 99, TRACEBACK.encode(), b"\xff\x00\x1b[2J", TOOLKIT_BEGINNING.encode()], ids=repr
)
def test_only_the_end_of_a_terabyte_log_is_read(line: bytes, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The log is a sparse file that takes little disk space. Reading all of it would exceed the memory limit."""
    log = tmp_path / "log"
    with open(log, "wb") as file:
        file.seek(1 << 40)
        file.write((line + b"\n") * (5_000_000 // len(line)) + TRACEBACK.encode())
    memory, hard_limit = resource.getrlimit(resource.RLIMIT_AS)
    request.addfinalizer(lambda: resource.setrlimit(resource.RLIMIT_AS, (memory, hard_limit)))
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + (1 << 30), hard_limit))
    assert read_reason("AlgorithmError: ?, exit code: 1", log)[0] == NAN_REASON
    assert last_lines(log)[-1] == "ValueError: Input y contains NaN."


@examples(40)
@given(content=st.binary() | st.text().map(str.encode), failure_reason=st.text())
def test_a_log_of_any_bytes_is_explained(
    content: bytes, failure_reason: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("run")
    log = write_log(folder, content + TRACEBACK.encode() * (len(failure_reason) % 2))
    step = Step("train", state="Failed")
    step.reason, step.exception = read_reason(failure_reason, log)
    lines = explain_failure(step, folder, folder)
    assert lines[0].startswith("recore: train failed: ")
    assert all(line.isprintable() for line in lines)


# ---- the fix -----------------------------------------------------------------------------------------------


def make_traceback(exception_line: str, file: str = "train.py", library: str = "sklearn/utils/validation.py") -> str:
    lines = f'Traceback (most recent call last):\n  File "/opt/ml/code/{file}", line 3, in fit\n'
    return f'{lines}  File "/usr/lib/python3.12/site-packages/{library}", line 1, in f\n{exception_line}\n'


def fix_of(log: str, step: str, folder: Path, **options: bool) -> str | None:
    exception = find_exception(log)
    assert exception
    return fix_for(exception, step, folder, **options)


class Renamed:
    pass


renamed = Renamed()
Renamed = type("Renamed", (), {})  # type: ignore[misc]


def local() -> list[Any]:
    class Local:
        pass

    def inner() -> None: ...

    return [inner, Local()]


@pytest.mark.parametrize("dump", [pickle.dump, joblib.dump], ids=["pickle", "joblib"])
@pytest.mark.parametrize(
    ("make", "fix"),
    [
        (lambda: {"f": lambda x: x}, "a lambda has no name that a pickle could refer to; define it with a name"),
        (lambda: local()[0], "inner is defined inside local, where a pickle cannot refer to it"),
        (lambda: local()[1], "Local is defined inside local"),
        (lambda: renamed, "Renamed now refers to a different object"),
        (lambda: type("Missing", (), {})(), "a pickle cannot find an object by its name"),
        (lambda: (value for value in [1]), "the model contains a generator; keep its values"),
        (lambda: open(os.devnull), "an open file; keep its content"),  # noqa: SIM115
        (lambda: open(os.devnull, "rb"), "an open file; keep its content"),  # noqa: SIM115
        (threading.Lock, "an object of type _thread.lock, which exists only in the process"),
        (threading.Thread, "an object of type _thread.lock"),
        (lambda: sqlite3.connect(":memory:"), "an object of type sqlite3.Connection"),
        (lambda: pytest, "the model contains a module"),
    ],
)
def test_a_model_that_cannot_be_pickled_has_a_fix(
    make: Callable[[], Any], fix: str, dump: Callable[..., Any], tmp_path: Path
) -> None:
    value = make()
    try:
        dump(value, io.BytesIO())
    except Exception as error:
        log = "".join(traceback.format_exception(error))
    assert fix in str(fix_of(log, "train", tmp_path))
    if hasattr(value, "close"):
        value.close()


WRAPPER = "MeasuredRowsRegressor from the template's estimators.py"
CIRCULAR_ERROR = "ImportError: cannot import name 'clean' from partially initialized module 'helpers' (most likely due"
MAIN_ERROR = "AttributeError: Can't get attribute 'Mine' on <module '__main__' from 'train.py'>"


@pytest.mark.parametrize(
    ("exception_line", "step", "fix"),
    [
        ("ValueError: Input y contains NaN.", "train", WRAPPER),
        ("ValueError: Input contains NaN.", "train", WRAPPER),
        ("ValueError: Input contains NaN, infinity or a value too large for dtype('float64').", "train", WRAPPER),
        ("xgboost.core.XGBoostError: [12:00:00] a.cc:1: Label contains NaN, infinity or a value", "train", WRAPPER),
        (f"ValueError: \nAll the 5 fits failed.\n{TRACEBACK}", "train", WRAPPER),
        ("ValueError: Input contains NaN.", "public predict", None),
        ("ValueError: Input X contains NaN.", "train", "return only finite numbers as inputs from preprocess()"),
        ("ValueError: Input X contains infinity or a value too large", "train", "return only finite numbers"),
        ("narwhals.exceptions.DuplicateError: Expected unique column names, got:", "train", "its own name"),
        ("ValueError: The 'groups' parameter should not be None.", "train", "cv=list(GroupKFold(5).split("),
        (CIRCULAR_ERROR, "train", "move the code that helpers.py needs from the module"),
        (CIRCULAR_ERROR.replace("helpers", "json"), "train", None),
        (MAIN_ERROR, "public predict", "move Mine from train.py to another module"),
        ("AttributeError: 'NoneType' object has no attribute 'predict'", "train", "end fit() in train.py with"),
        ("AttributeError: 'dict' object has no attribute 'predict'", "train", "change predict_fn in train.py: fit()"),
    ],
)
def test_a_frequent_exception_has_a_fix(exception_line: str, step: str, fix: str | None, tmp_path: Path) -> None:
    (tmp_path / "helpers.py").touch()
    advice = fix_of(make_traceback(exception_line), step, tmp_path)
    assert (advice is None) if fix is None else (advice and fix in advice)


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        ("import numpy\nnumpy.float", "has no float: it was removed or renamed; use Python's own float"),
        ("import numpy\nnumpy.flaot", "numpy {}, which the container has, has no flaot: it was removed or renamed, or"),
        ("from numpy import in1d", "use isin"),
        ("from scipy.integrate import simps", "scipy {}, which the container has, has no simps"),
        ("import pandas\npandas.DataFrame().append(1)", "pandas {}, which the container has, has no append"),
        ("import pandas\npandas.Series().iteritems()", "use items"),
        ("import pandas\npandas.DataFrame().CuPPM", None),
        ("from sklearn.preprocessing import OneHotEncoder\nOneHotEncoder(sparse=False)", "use sparse_output"),
        (
            "from sklearn.metrics import mean_squared_error\nmean_squared_error([1], [1], squared=False)",
            "use root_mean",
        ),
        ("from sklearn.externals import joblib", "use `import joblib`"),
        ("import sklearn.cross_validation", "use sklearn.model_selection"),
        ("def fit(X): ...\nfit(targets=1)", None),
        ("import os\nos.environ['N_COMPONENTS']", "the environment variable N_COMPONENTS, which this job"),
        ("{}['N_COMPONENTS']", None),
        ("import subprocess\nsubprocess.run(['no-such-git', 'log'])", "do not start the program no-such-git"),
    ],
)
def test_what_the_container_lacks_is_named_with_its_replacement(code: str, fix: str | None, tmp_path: Path) -> None:
    """The exceptions are those of the installed packages, which are the container's."""
    (tmp_path / "train.py").write_text(f"{code}\n")
    log = subprocess.run([sys.executable, tmp_path / "train.py"], capture_output=True, text=True).stderr
    exception = find_exception(log, tmp_path)
    assert exception
    assert [frame.name for frame in exception.locations] == ["train.py"]
    advice = fix_for(exception, "train", tmp_path)
    version = container_packages().get((fix or "").partition(" ")[0], "")
    assert (advice is None) if fix is None else (fix.format(version) in str(advice)), advice


def test_a_failure_without_a_known_fix_names_the_line(tmp_path: Path) -> None:
    log = write_log(tmp_path, make_traceback("ZeroDivisionError: division by zero", "estimators.py"))
    step = Step("train", state="Failed")
    step.reason, step.exception = read_reason("AlgorithmError: See job logs", log)
    assert "  look at: estimators.py, line 3, in fit" in explain_failure(step, tmp_path, tmp_path)
    step = Step("train", state="Failed", reason="train.py: preprocess() returned 54 of 55 rows")
    assert suggest_location(step) == "preprocess() in preprocess.py"


def test_swapped_parameters_of_predict_fn_have_a_fix(tmp_path: Path) -> None:
    log = make_traceback("AttributeError: 'Ridge' object has no attribute 'columns'").replace("in fit", "in predict_fn")
    assert "swap the parameters" in str(fix_of(log, "train", tmp_path))


@pytest.mark.parametrize(
    ("value", "advice"), [("NaN", "compute each target's metric"), ("infinity or a value too", "return finite numbers")]
)
def test_invalid_values_in_a_metric_have_a_separate_fix(value: str, advice: str, tmp_path: Path) -> None:
    log = make_traceback(f"ValueError: Input contains {value}.", library="sklearn/metrics/_regression.py")
    assert advice in str(fix_of(log, "train", tmp_path))


def test_a_missing_package_has_a_fix(tmp_path: Path) -> None:
    advice = missing_module_fix("no_such_package.core", tmp_path)
    assert "add `no_such_package==<version>` to requirements.txt" in str(advice)
    assert "-m pip index versions no_such_package`" in str(advice)
    assert f"-m pip install -r {tmp_path / 'requirements.txt'}`." in str(advice)
    assert "then install it locally with `make setup`" in str(missing_module_fix("no_such_package", ROOT))
    assert "do not import recore" in str(missing_module_fix("recore.evaluation", ROOT / "docs"))
    (tmp_path / "requirements.txt").write_text("numpy==2.5.1\nno.such-package>=1 # mine\n")
    other_advice = str(missing_module_fix("no_such_package", tmp_path))
    assert other_advice.startswith("install no_such_package, which requirements.txt lists, with `")
    assert "--image" in str(missing_module_fix("no_such_package", tmp_path, installs=False))


def test_a_fix_names_the_package_of_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "`pytest==" in str(missing_module_fix("_pytest", tmp_path))  # the version is that of the installed package
    assert "`opencv-python-headless==<version>`" in str(missing_module_fix("cv2", tmp_path))
    monkeypatch.setattr(fixes, "packages_distributions", lambda: {"none_such": ["no-such-package"]})
    assert "`no-such-package==<version>`" in str(missing_module_fix("none_such", tmp_path))
    assert missing_module_fix("none_such.no_such_part", tmp_path) is None


@pytest.mark.parametrize(
    ("module", "fix"),
    [
        ("fits", 'add "fits" to py_modules in setup.py'),
        ("mine.ridge", 'add "mine.ridge" to py_modules in setup.py'),
        ("mine", 'add "mine" to packages in setup.py'),
        ("mine.absent", 'add "mine" to packages in setup.py'),
        ("Fits", "import fits instead of Fits"),
        ("shapes.peaks", "import Shapes instead of shapes"),
        ("mdl.ridge", "rename the folder mdl and its imports"),
    ],
)
def test_a_module_of_the_submission_has_a_fix(module: str, fix: str, tmp_path: Path) -> None:
    for name in ("fits.py", "mine/ridge.py", "mdl.py", "mdl/ridge.py", "Shapes/peaks.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    package = f"; '{module.partition('.')[0]}' is not a package" if module == "mdl.ridge" else ""
    log = make_traceback(f"ModuleNotFoundError: No module named '{module}'{package}")
    assert str(fix_of(log, "train", tmp_path)).startswith(fix)


@pytest.mark.parametrize(("step", "file"), [("public preprocess", "any.py"), ("train", "preprocess.py")])
def test_a_fix_says_that_preprocess_runs_without_other_files(step: str, file: str, tmp_path: Path) -> None:
    """The fix is the same if training, which imports preprocess.py too, is the first step to fail."""
    (tmp_path / "fits.py").touch()
    log = make_traceback("ModuleNotFoundError: No module named 'fits'", file)
    assert "move the code that is needed from fits.py into preprocess.py" in str(fix_of(log, step, tmp_path))
    log = make_traceback("ModuleNotFoundError: No module named 'no_such_package'", file)
    assert "do not import no_such_package in preprocess.py" in str(fix_of(log, step, tmp_path))


@pytest.mark.parametrize("is_archive", [False, True])
def test_old_pins_that_cannot_be_installed_are_named(is_archive: bool, tmp_path: Path) -> None:
    lines = "#scipy==1.5.3\nnumpy==1.19.2  # old\npandas==2.2.3\nsix>=1.15.0\nscikit-learn==0.24.0\nretrying==1.3.3\n"
    submission = stub(tmp_path / "mine", {"requirements.txt": lines})
    if is_archive:
        submission = tmp_path / "src.tar.gz"
        submission.write_bytes(pack_files({"./requirements.txt": lines.encode()}))
    step = Step("train", reason="requirements.txt could not be installed: ERROR: No matching distribution found")
    fix = " ".join(explain_failure(step, tmp_path, submission))
    assert "remove numpy==1.19.2, scikit-learn==0.24.0, retrying==1.3.3 from requirements.txt" in fix
    assert "scikit-learn 0.23, Python 3.7" in fix
    assert "The container already has numpy 2.5.1, scikit-learn 1.9.0, retrying." in fix


@pytest.mark.parametrize(
    ("requirements", "missing", "advice"),
    [
        ("numpy\nlightgmb==4.6.0  # trees\n", "lightgmb==4.6.0", "the version in requirements.txt, line 2, `lightgmb"),
        ("Sklearn --hash=sha256:aa\n", "sklearn", "line 1, `Sklearn`: the package is called scikit-learn."),
        ("lightgbm\n", "a-dependency", ""),
    ],
)
def test_a_missing_requirement_is_named(requirements: str, missing: str, advice: str, tmp_path: Path) -> None:
    submission = stub(tmp_path / "mine", {"requirements.txt": requirements})
    reason = f"requirements.txt could not be installed: ERROR: No matching distribution found for {missing}"
    lines = explain_failure(Step("train", reason=reason), tmp_path, submission)
    assert advice in lines[1] if advice else lines[1] == "  look at: requirements.txt"
    assert "train.py" not in lines[1]
    assert ("misspelt" in lines[1]) == ("the version" in advice)


def test_the_suggested_installation_works(tmp_path: Path) -> None:
    """The package is already installed, so pip needs no network access."""
    (tmp_path / "requirements.txt").write_text("numpy\nno-such-package ; python_version < '3'\n")
    advice = str(missing_module_fix("no_such_package", tmp_path))
    command = advice.split("`")[1]
    assert "pip install" in command
    environment = os.environ | {"PIP_NO_INDEX": "1", "PIP_DRY_RUN": "1"}
    subprocess.run(command, shell=True, check=True, capture_output=True, env=environment)


SCRIPT = """\
import pickle, sys


def model_fn(model_dir):
    {model_fn}
    return pickle.load(open(model_dir + "/model.pkl", "rb"))


def main():
    {main}
    save(Ridge().fit(1, 2))


{start}
"""
GUARD = 'if __name__ == "__main__":\n    main()'
IMPORTING_GUARD = GUARD.replace("main()", "import train; train.main()")
NO_MODEL = "the training job wrote no file to SM_MODEL_DIR, /opt/ml/model"
NO_DATA = "the model did not load: [Errno 2] No such file or directory: '/opt/ml/input/data/training/public.csv.gz'"
NO_SETTINGS = "the model did not load: [Errno 2] No such file or directory: '/opt/ml/model/code/settings.json'"


@pytest.mark.parametrize(
    ("step", "reason", "changes", "expected"),
    [
        ("train", NO_MODEL, {"main": "sys.exit(0)"}, "train.py exited early without an error (sys.exit in line 10"),
        ("train", NO_MODEL, {"main": "if 1: exit()", "start": IMPORTING_GUARD}, "(exit in line 10"),
        ("first train", NO_MODEL, {"main": "if 0: raise SystemExit(0)"}, "(SystemExit in line 10"),
        ("train", NO_MODEL, {"main": 'sys.exit("no data")'}, None),  # not the cause
        ("train", NO_MODEL, {"start": ""}, "train.py only defines functions and calls none of them"),
        ("train", NO_MODEL, {"start": GUARD.replace("__main__", "main")}, "the comparison in line 14 is never true"),
        ("train", NO_MODEL, {}, None),
        ("train", "KeyError: 'CuPPM'", {"main": "sys.exit(0)"}, None),
        ("train", NO_MODEL, {"start": f"{GUARD}\n    sys.exit(0)"}, None),
        ("train", NO_MODEL, {"start": f"def usage():\n    sys.exit(0)\n\n\n{GUARD}"}, None),
        ("private predict", NO_DATA, {"start": "main()"}, "no main guard: the server imports it, and line 14"),
        ("serve predict", NO_DATA, {"start": "model = Ridge().fit(1, 2)"}, "line 14 then calls fit()"),
        ("serve predict", NO_DATA, {"model_fn": "main()"}, "model_fn calls main() in line 5"),
        ("serve predict", NO_SETTINGS, {}, "add a line `include settings.json` to MANIFEST.in"),
        ("serve predict", NO_SETTINGS.replace("settings", "other"), {}, None),
        ("serve predict", "KeyError: 'CuPPM'", {"start": "main()"}, None),
        ("serve predict", "KeyError: 'mapping'", {"start": "main()"}, None),
        ("serve predict", NO_DATA, {"start": "set_seeds()"}, None),
        ("serve predict", NO_DATA, {"start": "train = lambda x: x.fit(1)"}, None),
        ("serve predict", NO_DATA, {"model_fn": "model.train(False)"}, None),
    ],
)
def test_the_source_shows_why_a_step_failed(
    step: str, reason: str, changes: dict[str, str], expected: str | None, tmp_path: Path
) -> None:
    (tmp_path / "settings.json").touch()
    (tmp_path / "train.py").write_text(SCRIPT.format(**{"model_fn": "pass", "main": "pass", "start": GUARD} | changes))
    archive = tmp_path / "source.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "train.py", "train.py")
    fix = source_fix(reason, step, tmp_path)
    assert (fix is None) if expected is None else (fix and expected in fix)
    if reason != NO_SETTINGS:
        assert source_fix(reason, step, archive) == fix


TRAINING = "SM_CHANNEL_TRAINING, by default /opt/ml/input/data/training/public.csv.gz"
INPUT = "--input, by default /opt/ml/processing/input/public/public.csv.gz"


NO_FILE = "FileNotFoundError: [Errno 2] No such file or directory: "
ARGPARSE_ERROR = "usage: train.py [-h]\ntrain.py: error: the following arguments are required: --epochs, exit code 2"


@pytest.mark.parametrize(
    ("step", "reason", "advice"),
    [
        ("train", ARGPARSE_ERROR, ""),
        ("train", "train.py: data/public/public.csv.gz: there is no such file: jobs have ...", TRAINING),
        ("public preprocess", f"{NO_FILE}'../data/a.csv'", INPUT),
        ("train", f"{NO_FILE}'C:\\\\data\\\\a.csv'", TRAINING),
        ("train", f"{NO_FILE}'/opt/ml/code/../data/a.csv'", TRAINING),
        ("train", f"{NO_FILE}'/opt/ml/model/x/y'", None),
        ("public predict", f"{NO_FILE}'limits.json'", None),
        ("public predict", f"{NO_FILE}'/opt/ml/model/model.pkl'", "write model.pkl to SM_MODEL_DIR in train.py"),
    ],
)
def test_a_script_that_jobs_cannot_start_has_a_fix(step: str, reason: str, advice: str | None, tmp_path: Path) -> None:
    if advice:
        (tmp_path / "train.py").write_text("model = Ridge().fit(1, 2)\n")
    is_exception = reason.startswith("FileNotFoundError")
    exception = find_exception(make_traceback(reason)) if is_exception else None
    line = explain_failure(Step(step, reason=reason, exception=exception), tmp_path, tmp_path)[1]
    assert line.startswith("  look at: " if advice is None else "  fix: ")
    assert (advice or "") in line
    if advice == "":
        assert line == "  fix: give --epochs a default in train.py, because jobs start it without arguments."
