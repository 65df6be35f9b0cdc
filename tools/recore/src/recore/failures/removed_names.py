"""Fixes for names and arguments that the container's versions of packages lack, and for what only a computer has."""

import ast
import re
from contextlib import suppress
from pathlib import Path

from recore.failures.exceptions import LoggedException
from recore.failures.submission_files import read_file
from stagemaker import container_packages

PACKAGES = {"numpy": "numpy", "pandas": "pandas", "scipy": "scipy", "sklearn": "scikit-learn"}  # by module
MODULE = rf"(?P<module>{'|'.join(PACKAGES)})\b[\w.]*'"
# messages that contain the module
MISSING_NAMES = (
    re.compile(rf"module '{MODULE} has no attribute '(?P<name>\w+)'"),
    re.compile(rf"cannot import name '(?P<name>\w+)' from '{MODULE}"),
    re.compile(r"No module named '(?P<name>(?P<module>" + "|".join(PACKAGES) + r")\.[\w.]+)'"),
)
# messages that contain at most a class or function
MEMBER = re.compile(r"'(?P<owner>\w+)' object has no attribute '(?P<name>\w+)'")
ARGUMENT = re.compile(r"(?:(?P<owner>\w+)[\w.]*\(\) )?got an unexpected keyword argument '(?P<name>\w+)'")
OWNERS = dict.fromkeys(("DataFrame", "Series", "Index", "DataFrameGroupBy"), "pandas") | {"ndarray": "numpy"}
REPLACEMENTS = {
    **{name: f"Python's own {name}" for name in ("float", "int", "bool", "object", "str", "complex")},
    **{"NaN": "nan", "Inf": "inf", "float_": "float64", "product": "prod", "in1d": "isin", "row_stack": "vstack"},
    **{"trapz": "trapezoid", "cumtrapz": "cumulative_trapezoid", "simps": "simpson", "interp": "numpy.interp"},
    **{"append": "pandas.concat", "iteritems": "items", "ix": "loc", "as_matrix": "to_numpy"},
    **{"squared": "root_mean_squared_error", "sparse": "sparse_output", "base_estimator": "estimator"},
    **{"get_feature_names": "get_feature_names_out", "force_all_finite": "ensure_all_finite"},
    **{"sklearn.cross_validation": "sklearn.model_selection", "sklearn.grid_search": "sklearn.model_selection"},
    **{"joblib": "`import joblib`", "normalize": "a StandardScaler in a pipeline"},
}


def removed_name_fix(cause: LoggedException, submission: Path) -> str | None:
    """Return the fix if an exception is about a name that a package of the container lacks, otherwise None."""
    message = cause.message
    if match := next(filter(None, (pattern.search(message) for pattern in MISSING_NAMES)), None):
        module = match["module"]
    elif match := MEMBER.search(message) or ARGUMENT.search(message):
        module = OWNERS.get(str(match["owner"])) or _find_module(match["owner"], cause, submission)
    if not match or module not in PACKAGES:
        return None
    name, package = match["name"], PACKAGES[module]
    if match.re is MEMBER and name not in REPLACEMENTS:  # perhaps a missing column
        return None
    versions = {each.lower(): version for each, version in container_packages().items()}
    reason = f"{package} {versions.get(package, '')}, which the container has, has no {name}: it was removed or renamed"
    return f"{reason}; use {REPLACEMENTS[name]}." if name in REPLACEMENTS else f"{reason}, or is misspelt."


def _find_module(owner: str | None, cause: LoggedException, submission: Path) -> str:
    """Return the package that was called: the import of the owner, otherwise the file after the submission's frame."""
    frame = next((each for each in reversed(cause.frames) if each.name), None)
    if owner and frame:
        with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            for node in ast.walk(ast.parse(read_file(submission, frame.name) or b"")):
                if isinstance(node, ast.ImportFrom) and owner in (each.asname or each.name for each in node.names):
                    return str(node.module).partition(".")[0]
    after = cause.frames[cause.frames.index(frame) + 1 :] if frame else []
    return next((part for each in after[:1] for part in PACKAGES if f"/site-packages/{part}/" in each.path), "")


def local_only_fix(cause: LoggedException, name: str | None) -> str | None:
    """Return the fix if a job lacks an environment variable or a program. name: the missing file or program."""
    last = cause.frames[-1] if cause.frames else None
    if last and cause.type == "KeyError" and re.search(r"(?:<frozen os>|/os\.py)$", last.path):
        variable = cause.message.strip("'\"")
        return (
            f"do not rely on the environment variable {variable}, which this job does not have; make the value a "
            "constant, or a hyperparameter: a parameter of fit() with a default."
        )
    if name and last and last.path.endswith("/subprocess.py"):
        others = "list packages in requirements.txt" if name.startswith("pip") else "use a Python package instead"
        return f"do not start the program {name}, which the container does not have; {others}."
    return None
