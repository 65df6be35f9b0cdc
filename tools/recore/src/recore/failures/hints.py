"""What to do about the most frequent exceptions of submissions."""

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
from recore.failures.submission_files import module_in_other_case, requirements_of

# as scikit-learn and XGBoost word it
GAPS = re.compile(r"(?:Input y|Input|Labels?|Targets?) contains? NaN", re.I)
# as the simulator, the toolkit and gunicorn word it
MEMORY = re.compile(r"more memory than|ended by SIGKILL|sent SIGKILL")
MODULE = re.compile(r"No module named '(?P<name>[\w.]+)'(?:; '[\w.]+' is not a package)?$")
REQUIRED = re.compile(r"the following arguments are required: (?P<names>[\w, -]+?)(?:, exit code|$)", re.M)
# as Python words it, or the template's scripts
NO_FILE = re.compile(r"No such file or directory: '(?P<path>[^']+)'")
TEMPLATE_NO_FILE = re.compile(r"(?P<path>\S+): there is no such file")
TRAINING, INPUT = "/opt/ml/input/data/training/public.csv.gz", "/opt/ml/processing/input/public/public.csv.gz"
MODEL = "/opt/ml/model/"  # where a server has what training wrote into SM_MODEL_DIR
CODE = re.compile(r"^/opt/ml/(?:model/)?code/")  # the submission's files in a job
JOB_FOLDERS = re.compile(r"/opt/ml/(?:checkpoints|code|config|errors|input|model|output|processing)(?:/|$)")
IN_MAIN = re.compile(r"Can't get attribute '(?P<name>[^']+)' on <module '__main__'")
NO_PREDICT = re.compile(r"has no attribute 'predict'$")


def hint_for(exception: LoggedException, step: str, submission: Path, installs: bool = True) -> str | None:
    """What to do about an exception of a submission; None if the exception is not a frequent one.

    step: the name of the step that failed, such as "train". submission: its folder or archive. installs: whether the
    jobs install requirements.txt.
    """
    cause = exception.innermost
    if cause.type.endswith("ModuleNotFoundError") and (named := MODULE.match(cause.message)):
        alone = step.endswith("preprocess") or "preprocess.py" in (frame.name for frame in exception.places)
        return missing_module_hint(named["name"], submission, alone, installs)
    if cause.type.endswith("AttributeError") and (named := IN_MAIN.match(cause.message)):
        return (
            f"move {named['name']} from train.py to another module, add the module to py_modules of setup.py, and "
            "import it in train.py; or end train.py as the template does, with `import train` and `train.main()`. A "
            "pickle looks up a class in the module that defined it, and train.py is not the main program of the job "
            "that predicts."
        )
    if hint := pickling_hint(cause.message):
        return hint
    if step.endswith("train") and GAPS.search(cause.message):
        if any("/metrics/" in frame.path for frame in cause.frames):
            return "assays have gaps: compute each target's metric on the rows where it was measured."
        return (
            "assays have gaps: wrap the estimator in MeasuredRowsRegressor from the template's estimators.py, which "
            "fits each target on the rows where it was measured; put wrappers such as TransformedTargetRegressor "
            "inside it."
        )
    if cause.type.endswith("FileNotFoundError") and (named := NO_FILE.search(cause.message)):
        return missing_file_hint(named["path"], step, submission)
    if cause.type.endswith("AttributeError") and NO_PREDICT.search(cause.message):
        return "fit() in train.py must return a model that has predict()."
    return None


def reason_hint(reason: str, step: str, submission: Path) -> str | None:
    """What to do about a step whose script ended by itself, if its reason is a frequent one."""
    if named := REQUIRED.search(reason):
        script = "preprocess.py" if step.endswith("preprocess") else "train.py"
        return f"give {named['names']} a default in {script}: jobs start it without arguments."
    named = TEMPLATE_NO_FILE.search(reason)
    return missing_file_hint(named["path"], step, submission) if named else memory_hint(reason)


def is_in_job(path: str) -> bool:
    """Whether a path is in a folder that the platform gives to a job. One above train.py, by `__file__`, is not."""
    return bool(JOB_FOLDERS.match(posixpath.normpath(path)))


def missing_file_hint(path: str, step: str, submission: Path) -> str | None:
    """What to do about a file that a job does not have; None for a file that it should have."""
    name = CODE.sub("", path)
    if step.endswith("predict") and not name.startswith("/") and (submission / name).is_file():
        return (
            f"{name} is not uploaded: add a line `include {name}` to MANIFEST.in; or let train.py write the file into "
            "SM_MODEL_DIR, and let model_fn read it from model_dir."
        )
    if step.endswith("predict") and name.startswith(MODEL):
        name = path.removeprefix(MODEL)
        return f"train.py wrote no {name} into SM_MODEL_DIR: write it there, under the name that model_fn reads."
    if is_in_job(path) or step.endswith("predict"):
        return None
    alone = step.endswith("preprocess")
    data = f"{'--input' if alone else 'SM_CHANNEL_TRAINING'}, by default {INPUT if alone else TRAINING}"
    others = "no other file" if alone else "of other files only those that setup.py and MANIFEST.in name"
    return f"{path} may exist on your machine, but not in a job, which has its data in {data}, and {others}."


def memory_hint(reason: str) -> str | None:
    """What to do about a step that ran out of memory, if its reason says so."""
    if not MEMORY.search(reason):
        return None
    return (
        "the job probably ran out of memory: it has 16 GiB on ml.m5.xlarge, or this machine's free memory. Fit fewer "
        "or smaller models at a time, or convert the inputs to float32."
    )


def missing_module_hint(name: str, submission: Path, alone: bool = False, installs: bool = True) -> str | None:
    """What to do about a module that could not be imported; None if it is part of a package that is installed.

    alone: preprocess.py, which runs without the other files, imports it.
    """
    top = name.partition(".")[0]
    local = _find_local(name, submission)
    if top in PACKAGES and not local:
        return f"do not import {top}: it is not uploaded, and the container does not have it."
    if alone and local:
        return f"preprocess.py runs without the submission's other files: move what it needs from {local} into it."
    if local and (submission / f"{top}.py").is_file() and (submission / top).is_dir():
        return (
            f"rename the folder {top} and its imports: it has the same name as {top}.py, and Python imports only one."
        )
    if local:
        entry = "py_modules" if local.endswith(".py") else "packages"
        dotted = local.removesuffix(".py").rstrip("/").replace("/", ".")
        return f'add "{dotted}" to {entry} of setup.py: only files that setup.py names are uploaded.'
    if submission.is_dir() and (other := module_in_other_case(top, os.listdir(submission))):
        module = other.removesuffix(".py")
        return f"import {module} instead of {top}: the file is {other}, and Linux distinguishes upper and lower case."
    if folder := next((file.parent.name for file in sorted(submission.glob(f"*/{top}.py")) if file.is_file()), None):
        return (
            f"{top}.py is in the folder {folder}, where Python does not look for it: move it beside train.py and add "
            f'"{top}" to py_modules of setup.py; or import it as {folder}.{top} and add "{folder}" to packages.'
        )
    known = packages_distributions().get(top)
    if known and name != top:  # this version of the package has no such module
        return None
    if alone:
        return (
            f"preprocess.py has only the container's packages: do not import {top} there. Those in requirements.txt "
            "are installed only in the jobs that train and predict."
        )
    distribution = (known or [DISTRIBUTIONS.get(top, top)])[0]
    if not installs:
        return (
            f"{distribution} is not in the image, and these jobs have no network to install it: choose an image that "
            "contains it with --image."
        )
    file, pip = submission / "requirements.txt", f"{shlex.quote(sys.executable)} -m pip"
    is_template = submission.resolve() == TEMPLATE
    install = setup_command() if is_template else f"{pip} install -r {shlex.quote(str(file))}"
    if canonicalize_name(distribution) in (line.name for line in requirements_of(submission)):
        return f"requirements.txt names {distribution}, but it is not installed here: `{install}` installs it."
    try:
        requirement, note = f"{distribution}=={version(distribution)}", ""
    except PackageNotFoundError:
        requirement = f"{distribution}==<version>"
        note = f" (`{pip} index versions {distribution}` lists the versions)"
    line = f"add `{requirement}` to requirements.txt, below the container's packages{note}"
    return f"{line}; `{install}` then installs it here, too."


def _find_local(name: str, submission: Path) -> str | None:
    """The file of a module in the submission's folder, or the folder of a package, with a slash."""
    for dotted in (name, name.partition(".")[0]):
        path = dotted.replace(".", "/")
        if (submission / f"{path}.py").is_file():
            return f"{path}.py"
        if next((submission / path).glob("*.py"), None):
            return f"{path}/"
    return None


# A pickle holds the names of functions and classes, and asks for those where it is loaded.
NAMED = "define it with a name at the top level of a module that setup.py names, and use it from there."
# by the messages of pickle, its Python implementation and joblib; {0} is the name in the message
PICKLING_HINTS = {
    r"(<lambda>)": f"a lambda has no name that a pickle could refer to: {NAMED}",
    r"(\w+)\.<locals>\.([\w.]+)": f"{{1}} is defined inside {{0}}, where a pickle cannot refer to it: {NAMED}",
    r"not the same object as ([\w.]+)": "{0} now names another object: do not give its name to something else, also "
    "not by a decorator, and import its module under one name only, as the template's main() does with `import train`.",
    r"attribute lookup (\w+) on ([\w.]+) failed|not found as ([\w.]+)\.(\w+)": f"a pickle does not find an object by "
    f"its name: {NAMED}",
    r"cannot pickle '(generator|async_generator|coroutine)'": "the model contains a {0}: keep its values instead, for "
    "example in a list.",
    r"cannot pickle '(TextIOWrapper|Buffered\w+|_io\.\w+|FileIO)'": "the model contains an open file: keep its content "
    "or its path instead, and open files in model_fn.",
    r"cannot pickle '(module)'": "the model contains a module: keep the function or the class that it needs instead.",
    r"cannot pickle '([\w.]+)'": "the model contains an object of the type {0}, which exists only in the process that "
    "made it: keep what predictions need, and make such objects in model_fn.",
}


def pickling_hint(message: str) -> str | None:
    """What to do about the message of an exception; None if it does not say that an object cannot be pickled."""
    if not re.search(r"(?i)can(?:'t|not) (?:pickle|get local object)|not the same object as|not found as", message):
        return None
    for pattern, hint in PICKLING_HINTS.items():
        if found := re.search(pattern, message):
            return hint.format(*found.groups())
    return None
