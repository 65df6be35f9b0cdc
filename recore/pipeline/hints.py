"""What to do about the exceptions that submissions most often fail with."""

import re
import shlex
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

from packaging.utils import canonicalize_name

from recore.pipeline.exceptions import LoggedException

ROOT = Path(__file__).parents[2]
# sklearn's words, and XGBoost's
GAPS = re.compile(r"(?:Input y|Input|Labels?|Targets?) contains? NaN", re.I)
MEMORY = re.compile(
    r"more memory than|ended by SIGKILL|sent SIGKILL"
)  # the simulator's words, the toolkit's, gunicorn's
MODULE = re.compile(r"No module named '(?P<name>[\w.]+)'$")
IN_MAIN = re.compile(r"Can't get attribute '(?P<name>[^']+)' on <module '__main__'")
DISTRIBUTIONS = {  # whose names differ from their modules'; what is installed here needs no entry
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}


def hint_for(exception: LoggedException, step: str, submission: Path, installs: bool = True) -> str | None:
    """What to do about an exception of a submission, in a sentence or two; None where nothing special is known.

    step: the name of the step that failed, such as "train". submission: its folder, or its archive. installs: whether
    the jobs install requirements.txt.
    """
    cause = exception.innermost
    if cause.type.endswith("ModuleNotFoundError") and (named := MODULE.match(cause.message)):
        alone = step.endswith("preprocess") or "preprocess.py" in exception.files
        return missing_module(named["name"], submission, alone, installs)
    if cause.type.endswith("AttributeError") and (named := IN_MAIN.match(cause.message)):
        return (
            f"move {named['name']} from train.py to a module of its own, name that in py_modules of setup.py, and import "
            "it in train.py; or end train.py as the template does, with `import train` and `main(train)`. A pickle looks "
            "a class up in the module that defined it, and train.py is not the main program of the job that predicts."
        )
    if step.endswith("train") and GAPS.search(cause.message):
        if any("/metrics/" in frame.path for frame in cause.frames):
            return "assays have gaps: compute each target's metric on the rows where it was measured."
        return (
            "assays have gaps: wrap the estimator in PerTargetRegressor of assays.py, which fits each target on its own "
            "measured rows; put wrappers such as TransformedTargetRegressor inside it."
        )
    return None


def memory_hint(reason: str) -> str | None:
    """What to do where a step failed because its memory ran out, as far as the reason tells."""
    if not MEMORY.search(reason):
        return None
    return (
        "its memory ran out, it seems: a job has 16 GiB on ml.m5.xlarge, or what this machine has left. Fit fewer models "
        "at a time, or smaller ones, or convert the inputs to float32."
    )


def missing_module(name: str, submission: Path, alone: bool = False, installs: bool = True) -> str | None:
    """What to do about a module that could not be imported. alone: preprocess.py imported it, which runs by itself."""
    top = name.partition(".")[0]
    local = _local(name, submission)
    if alone and local:
        return f"preprocess.py runs alone, without the submission's other files: move what it needs of {local} into it."
    if local:
        entry = "py_modules" if local.endswith(".py") else "packages"
        dotted = local.removesuffix(".py").rstrip("/").replace("/", ".")
        return f'name it in {entry} of setup.py ("{dotted}"): only what setup.py names is uploaded.'
    known = packages_distributions().get(top)
    if known and name != top:  # the package is there: it has no such module in this version
        return None
    if alone:
        return (
            f"preprocess.py runs alone, with only the packages that the container holds: do without {top} there. "
            "Those of requirements.txt are installed only where the model is trained and where it predicts."
        )
    distribution = (known or [DISTRIBUTIONS.get(top, top)])[0]
    if not installs:
        return (
            f"{distribution} is not in the image, and these jobs have no network to install it: name an image that holds "
            "it with --image."
        )
    file = submission / "requirements.txt"
    here = submission.resolve() == ROOT
    install = "make setup" if here else f"{shlex.quote(sys.executable)} -m pip install -r {shlex.quote(str(file))}"
    if _requires(file, distribution):
        return f"requirements.txt names {distribution}, and it is not installed here: `{install}` installs it."
    try:
        line, find = f"{distribution}=={version(distribution)}", ""
    except PackageNotFoundError:
        line = f"{distribution}==<version>"
        find = f" (`python -m pip index versions {distribution}` lists the versions)"
    return f"add `{line}` to requirements.txt, below its line{find}; `{install}` then installs it here too."


def _requires(file: Path, distribution: str) -> bool:
    """Whether a requirements.txt has a line for a package."""
    lines = file.read_text("utf-8", "replace").splitlines() if file.is_file() else []
    names = [re.split(r"[^\w.-]", line.strip(), maxsplit=1)[0] for line in lines]
    return canonicalize_name(distribution) in map(canonicalize_name, names)


def _local(name: str, submission: Path) -> str | None:
    """The file or the folder, with a slash, of a module that lies in the submission's folder."""
    for dotted in (name, name.partition(".")[0]):
        path = dotted.replace(".", "/")
        if (submission / f"{path}.py").is_file():
            return f"{path}.py"
        if next((submission / path).glob("*.py"), None):
            return f"{path}/"
    return None
