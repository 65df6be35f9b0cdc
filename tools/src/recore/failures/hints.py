"""What to do about the most frequent exceptions of submissions."""

import re
import shlex
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

from recore.distribution import PACKAGES, TEMPLATE, setup_command
from recore.failures.exceptions import LoggedException
from recore.failures.pickling import pickling_hint
from stagemaker import decode_requirements

# as scikit-learn and XGBoost word it
GAPS = re.compile(r"(?:Input y|Input|Labels?|Targets?) contains? NaN", re.I)
# as the simulator, the toolkit and gunicorn word it
MEMORY = re.compile(r"more memory than|ended by SIGKILL|sent SIGKILL")
MODULE = re.compile(r"No module named '(?P<name>[\w.]+)'$")
IN_MAIN = re.compile(r"Can't get attribute '(?P<name>[^']+)' on <module '__main__'")
NO_PREDICT = re.compile(r"has no attribute 'predict'$")
DISTRIBUTIONS = {  # by module, where the names differ; a package that is installed here needs no entry
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}


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
    if cause.type.endswith("AttributeError") and NO_PREDICT.search(cause.message):
        return "fit() in train.py must return a model that has predict()."
    return None


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
    if local:
        entry = "py_modules" if local.endswith(".py") else "packages"
        dotted = local.removesuffix(".py").rstrip("/").replace("/", ".")
        return f'add "{dotted}" to {entry} of setup.py: only files that setup.py names are uploaded.'
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
    file = submission / "requirements.txt"
    pip = f"{shlex.quote(sys.executable)} -m pip install -r {shlex.quote(str(file))}"
    install = setup_command() if submission.resolve() == TEMPLATE else pip
    if _requires(file, distribution):
        return f"requirements.txt names {distribution}, but it is not installed here: `{install}` installs it."
    try:
        requirement, note = f"{distribution}=={version(distribution)}", ""
    except PackageNotFoundError:
        requirement = f"{distribution}==<version>"
        note = f" (`python -m pip index versions {distribution}` lists the versions)"
    line = f"add `{requirement}` to requirements.txt, below the container's packages{note}"
    return f"{line}; `{install}` then installs it here, too."


def _requires(file: Path, distribution: str) -> bool:
    """Whether a requirements.txt has a line for a package."""
    lines = decode_requirements(file.read_bytes()).splitlines() if file.is_file() else []
    names = [re.split(r"[^\w.-]", line.strip(), maxsplit=1)[0] for line in lines]
    return _normalised(distribution) in map(_normalised, names)


def _normalised(distribution: str) -> str:
    """Return the name of a package as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _find_local(name: str, submission: Path) -> str | None:
    """The file of a module in the submission's folder, or the folder of a package, with a slash."""
    for dotted in (name, name.partition(".")[0]):
        path = dotted.replace(".", "/")
        if (submission / f"{path}.py").is_file():
            return f"{path}.py"
        if next((submission / path).glob("*.py"), None):
            return f"{path}/"
    return None
