"""Fixes for the most common exceptions of submissions."""

import os
import posixpath
import re
import shlex
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

from packaging.utils import canonicalize_name

from recore.distribution import PACKAGES, TEMPLATE, setup_command
from recore.failures.exceptions import LoggedException
from recore.failures.installation import DISTRIBUTIONS
from recore.failures.removed_names import local_only_fix, removed_name_fix
from recore.failures.submission_files import module_in_other_case, requirements_of

# messages of scikit-learn and XGBoost
GAPS = re.compile(r"(?:Input y|Input|Labels?|Targets?) contains? NaN", re.I)
# messages of the simulator, the toolkit and gunicorn
MEMORY = re.compile(r"more memory than|killed by SIGKILL|sent SIGKILL")
MODULE = re.compile(r"No module named '(?P<name>[\w.]+)'(?:; '[\w.]+' is not a package)?$")
REQUIRED_ARGUMENTS = re.compile(r"the following arguments are required: (?P<names>[\w, -]+?)(?:, exit code|$)", re.M)
# messages of Python and of the template's scripts
NO_FILE = re.compile(r"No such file or directory: '(?P<path>[^']+)'")
WRONG_SHAPE = re.compile(r"the shape is \(\d*,\) instead of \(\d+, (?P<columns>\d+)\)")
TEMPLATE_NO_FILE = re.compile(r"(?P<path>\S+): there is no such file")
TRAINING, INPUT = "/opt/ml/input/data/training/public.csv.gz", "/opt/ml/processing/input/public/public.csv.gz"
MODEL = "/opt/ml/model/"  # in a server, the contents of the training job's SM_MODEL_DIR
CODE = re.compile(r"^/opt/ml/(?:model/)?code/")  # the submission's files in a job
JOB_FOLDERS = re.compile(r"/opt/ml/(?:checkpoints|code|config|errors|input|model|output|processing)(?:/|$)")
MAIN_PATTERN = re.compile(r"Can't get attribute '(?P<name>[^']+)' on <module '__main__'")
NO_ATTRIBUTE = re.compile(r"'(?P<kind>\w+)' object has no attribute '(?P<name>\w+)'$")
INFINITE = re.compile(r"Input contains infinity")
TRAINING_FIXES = {  # fixes by a part of the messages of scikit-learn and narwhals, which it uses, in training
    "Expected unique column names": "give each column of the inputs that preprocess() returns its own name.",
    "Input X contains": "return only finite numbers as inputs from preprocess(); if X are the targets, use only rows "
    "where they were measured.",
    "'groups' parameter should not be None": "pass cv the splits themselves, such as "
    "cv=list(GroupKFold(5).split(inputs, targets, groups)).",
}
CIRCULAR = re.compile(r"partially initialized module '(?P<name>[\w.]+)'")  # a message of Python
REMOVED_NAME_ERRORS = re.compile(r"(?:AttributeError|TypeError|ImportError|ModuleNotFoundError)$")


def fix_for(exception: LoggedException, step: str, submission: Path, installs: bool = True) -> str | None:
    """Return the fix for a submission's exception, or None if the exception is not a common one.

    step: the name of the failed step, such as "train". submission: a folder or archive. installs: whether the jobs
    install requirements.txt.
    """
    cause = exception.root_cause
    if cause.type.endswith("ModuleNotFoundError") and (named := MODULE.match(cause.message)):
        is_alone = step.endswith("preprocess") or "preprocess.py" in (frame.name for frame in exception.locations)
        fix = missing_module_fix(named["name"], submission, is_alone, installs)
        return fix or removed_name_fix(cause, submission)
    if cause.type.endswith("AttributeError") and (named := MAIN_PATTERN.match(cause.message)):
        return (
            f"move {named['name']} from train.py to another module, add the module to py_modules in setup.py, and "
            "import it in train.py; or end train.py like the template, with `import train` and `train.main()`. A "
            "pickle looks up a class in the module that defined it, and train.py is not the main program of the job "
            "that predicts."
        )
    if fix := pickling_fix(cause.message):
        return fix
    in_metric = any("/metrics/" in frame.path for frame in cause.frames)
    if step.endswith("train") and in_metric and INFINITE.search(cause.message):
        return "return finite numbers from predict_fn: an integer or float16 array, for example, has a small maximum."
    if step.endswith("train") and GAPS.search(cause.message):
        if in_metric:
            return "compute each target's metric only on the rows where it was measured, because assays have gaps."
        return (
            "wrap the estimator in MeasuredRowsRegressor from the template's estimators.py, which fits each target on "
            "the rows where it was measured, because assays have gaps. Put wrappers such as "
            "TransformedTargetRegressor inside it."
        )
    named = NO_FILE.search(cause.message) if cause.type.endswith("FileNotFoundError") else None
    if fix := local_only_fix(cause, named["path"] if named else None):
        return fix
    if named:
        return missing_file_fix(named["path"], step, submission)
    named = NO_ATTRIBUTE.search(cause.message) if cause.type.endswith("AttributeError") else None
    function = exception.location.function if exception.location else ""
    if named and function == "predict_fn" and named["kind"][:1].isupper():
        import pandas as pd  # slow; other fixes do not need it

        if hasattr(pd.DataFrame, named["name"]):
            return "swap the parameters: predict_fn(inputs, model) receives the inputs first, and then the model."
    if named and named["name"] == "predict":
        if named["kind"] == "NoneType":
            return "end fit() in train.py with `return` and the model: it returned None."
        return f"change predict_fn in train.py: fit() returned a {named['kind']}, which has no predict()."
    if step.endswith("train") and (part := next((each for each in TRAINING_FIXES if each in cause.message), None)):
        return TRAINING_FIXES[part]
    if (named := CIRCULAR.search(cause.message)) and (local := _find_local(named["name"], submission)):
        return f"move the code that {local} needs from the module that imports it into a third module, and import that."
    return removed_name_fix(cause, submission) if REMOVED_NAME_ERRORS.search(cause.type) else None


def reason_fix(reason: str, step: str, submission: Path) -> str | None:
    """Return the fix for a step that failed without an exception, or None if the reason is not a common one."""
    if named := REQUIRED_ARGUMENTS.search(reason):
        script = "preprocess.py" if step.endswith("preprocess") else "train.py"
        return f"give {named['names']} a default in {script}, because jobs start it without arguments."
    if named := WRONG_SHAPE.search(reason):
        return f"return {named['columns']} columns from predict_fn: fit all targets, or combine several predictions."
    named = TEMPLATE_NO_FILE.search(reason)
    return missing_file_fix(named["path"], step, submission) if named else memory_fix(reason)


def is_in_job(path: str) -> bool:
    """Return whether a path is in a folder that the platform provides to a job, such as /opt/ml/input."""
    return bool(JOB_FOLDERS.match(posixpath.normpath(path)))


def missing_file_fix(path: str, step: str, submission: Path) -> str | None:
    """Return the fix for a file that a job does not have, or None if the job should have it."""
    name = CODE.sub("", path)
    if step.endswith("predict") and not name.startswith("/") and (submission / name).is_file():
        return (
            f"add a line `include {name}` to MANIFEST.in, because the file is not uploaded; or write the file to "
            "SM_MODEL_DIR in train.py, and read it from model_dir in model_fn."
        )
    if step.endswith("predict") and name.startswith(MODEL):
        name = path.removeprefix(MODEL)
        return f"write {name} to SM_MODEL_DIR in train.py, under the name that model_fn reads."
    if is_in_job(path) or step.endswith("predict"):
        return None
    is_alone = step.endswith("preprocess")
    data = f"{'--input' if is_alone else 'SM_CHANNEL_TRAINING'}, by default {INPUT if is_alone else TRAINING}"
    others = "no other files" if is_alone else "only the other files that setup.py and MANIFEST.in list"
    return f"read the data from {data}: {path} may exist on your computer, but a job has {others}."


def memory_fix(reason: str) -> str | None:
    """Return the fix for a step that ran out of memory, or None if the reason is a different one."""
    if not MEMORY.search(reason):
        return None
    return (
        "fit fewer or smaller models at a time, or convert the inputs to float32. The job probably ran out of memory: "
        "it has 16 GiB on ml.m5.xlarge; in the simulator, at most the free memory of this computer."
    )


def missing_module_fix(name: str, submission: Path, alone: bool = False, installs: bool = True) -> str | None:
    """Return the fix for a failed import, or None if the module should be part of an installed package.

    alone: whether the import is in preprocess.py, which runs without the other files.
    """
    top = name.partition(".")[0]
    local = _find_local(name, submission)
    if top in PACKAGES and not local:
        return f"do not import {top}, which is neither uploaded nor in the container."
    if alone and local:
        return f"move the code that is needed from {local} into preprocess.py, which runs without the other files."
    if local and (submission / f"{top}.py").is_file() and (submission / top).is_dir():
        return f"rename the folder {top} and its imports, because Python imports only one of {top} and {top}.py."
    if local:
        entry = "py_modules" if local.endswith(".py") else "packages"
        dotted = local.removesuffix(".py").rstrip("/").replace("/", ".")
        return f'add "{dotted}" to {entry} in setup.py; only listed files are uploaded.'
    if submission.is_dir() and (other := module_in_other_case(top, os.listdir(submission))):
        module = other.removesuffix(".py")
        return f"import {module} instead of {top}: the file is {other}, and file names on Linux are case-sensitive."
    if folder := next((file.parent.name for file in sorted(submission.glob(f"*/{top}.py")) if file.is_file()), None):
        return (
            f"move {folder}/{top}.py next to train.py, where Python finds it, and add "
            f'"{top}" to py_modules in setup.py; or import it as {folder}.{top} and add "{folder}" to packages.'
        )
    installed = packages_distributions().get(top)
    if installed and name != top:  # the installed version of the package has no such module
        return None
    if alone:
        return (
            f"do not import {top} in preprocess.py, which has only the container's packages. Those in requirements.txt "
            "are installed only in the jobs that train and predict."
        )
    distribution = (installed or [DISTRIBUTIONS.get(top, top)])[0]
    if not installs:
        return (
            f"choose an image that contains {distribution} with --image, because these jobs have no network to "
            "install it."
        )
    file, pip = submission / "requirements.txt", f"{shlex.quote(sys.executable)} -m pip"
    is_template = submission.resolve() == TEMPLATE
    install = setup_command() if is_template else f"{pip} install -r {shlex.quote(str(file))}"
    if canonicalize_name(distribution) in (line.name for line in requirements_of(submission)):
        return f"install {distribution}, which requirements.txt lists, with `{install}`."
    try:
        requirement, note = f"{distribution}=={version(distribution)}", ""
    except PackageNotFoundError:
        requirement = f"{distribution}==<version>"
        note = f" (`{pip} index versions {distribution}` lists the versions)"
    line = f"add `{requirement}` to requirements.txt, below the container's packages{note}"
    return f"{line}; then install it locally with `{install}`."


def _find_local(name: str, submission: Path) -> str | None:
    """Return a module's file in the submission's folder, a package's folder with a trailing slash, or None."""
    for dotted in (name, name.partition(".")[0]):
        path = dotted.replace(".", "/")
        if (submission / f"{path}.py").is_file():
            return f"{path}.py"
        if next((submission / path).glob("*.py"), None):
            return f"{path}/"
    return None


# A pickle contains only the names of functions and classes, and imports them when it is loaded.
DEFINE_FIX = "define it with a name at the top level of a module that setup.py lists, and import it from there."
# by patterns for the messages of pickle, its Python implementation and joblib; {0} is the name in the message
PICKLING_FIXES = {
    r"(<lambda>)": f"a lambda has no name that a pickle could refer to; {DEFINE_FIX}",
    r"(\w+)\.<locals>\.([\w.]+)": f"{{1}} is defined inside {{0}}, where a pickle cannot refer to it; {DEFINE_FIX}",
    r"not the same object as ([\w.]+)": "the name {0} now refers to a different object; do not reuse the name, not "
    "even in a decorator, and import its module under one name only, like the template's main() with `import train`.",
    r"attribute lookup (\w+) on ([\w.]+) failed|not found as ([\w.]+)\.(\w+)": f"a pickle cannot find an object by "
    f"its name; {DEFINE_FIX}",
    r"cannot pickle '(generator|async_generator|coroutine)'": "the model contains a {0}; keep its values instead, for "
    "example in a list.",
    r"cannot pickle '(TextIOWrapper|Buffered\w+|_io\.\w+|FileIO)'": "the model contains an open file; keep its "
    "contents or path, and open files in model_fn.",
    r"cannot pickle '(module)'": "the model contains a module; keep the function or class that it needs instead.",
    r"cannot pickle '([\w.]+)'": "the model contains an object of type {0}, which exists only in the process that "
    "created it; keep what predictions need, and create such objects in model_fn.",
}


def pickling_fix(message: str) -> str | None:
    """Return the fix for an object that cannot be pickled, or None for any other message."""
    if not re.search(r"(?i)can(?:'t|not) (?:pickle|get local object)|not the same object as|not found as", message):
        return None
    for pattern, fix in PICKLING_FIXES.items():
        if match := re.search(pattern, message):
            return fix.format(*match.groups())
    return None
