"""The rules list the container's packages, and requirements.txt pins the same versions."""

from importlib.metadata import distribution, packages_distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.checkout import ROOT

from recore.check.container import PINNED_MODULES, REQUIRED_MODULES, VERSIONS, is_in_container, modules_of

PARTICIPANT_LINE = "# ---- Yours"  # below this line, participants add packages that the container does not have
INTERNAL = {"_distutils_hack", "gethostname", "_cffi_backend", "_sodium", "_yaml"}


def read_pinned_versions() -> dict[str, str]:
    """Return requirements.txt's pinned versions, except participants' additions, by normalised distribution name."""
    lines = (ROOT / "requirements.txt").read_text().partition(PARTICIPANT_LINE)[0].splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(item.name): str(item.specifier).removeprefix("==") for item in requirements}


def with_dependencies(names: set[str]) -> set[str]:
    """Return the names of these packages and all their direct and indirect dependencies."""
    pending = sorted(names)
    for name in pending:  # the list grows during the loop
        for line in distribution(name).requires or []:
            requirement = Requirement(line)
            dependency = canonicalize_name(requirement.name)
            if dependency not in pending and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
                pending.append(dependency)
    return set(pending)


def test_the_template_requires_the_containers_versions() -> None:
    pinned = read_pinned_versions()
    assert pinned.keys() == {"numpy", "pandas", "pyarrow", "scikit-learn", "scipy"}
    assert pinned.items() <= VERSIONS.items()


def test_every_module_in_the_container_is_known() -> None:
    installed = with_dependencies(set(VERSIONS))
    modules = {
        module
        for module, distributions in packages_distributions().items()
        if installed & set(map(canonicalize_name, distributions))
    }
    assert modules - INTERNAL == (PINNED_MODULES | REQUIRED_MODULES) - {"sagemaker_containers", "mms"}
    assert {module for name in VERSIONS for module in modules_of(name)} == PINNED_MODULES


def test_the_container_has_some_modules_and_not_others() -> None:
    assert all(map(is_in_container, ["os", "sklearn", "joblib", "yaml", "sagemaker_containers"]))
    assert not any(map(is_in_container, ["lightgbm", "recore", "pytest", "xgboost", "rich"]))
