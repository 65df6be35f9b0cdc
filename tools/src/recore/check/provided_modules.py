"""The modules that a submission's requirements.txt provides."""

from importlib.metadata import packages_distributions

from packaging.utils import canonicalize_name

from recore.check.container import VERSIONS, modules_of
from recore.failures import DISTRIBUTIONS
from stagemaker import RequirementLine


def provided_modules(lines: list[RequirementLine]) -> tuple[set[str], list[str]]:
    """The top-level modules that the lines provide, and the packages with unknown modules."""
    installed: dict[str, set[str]] = {}
    for module, distributions in packages_distributions().items():
        for distribution in distributions:
            installed.setdefault(canonicalize_name(distribution), set()).add(module)
    for module, distribution in DISTRIBUTIONS.items():
        installed.setdefault(canonicalize_name(distribution), set()).add(module)
    modules: set[str] = set()
    unknown = []
    for line in lines:
        if line.kind == "option" or not line.applies:
            continue
        modules.add(line.name.replace("-", "_"))
        if line.name in VERSIONS:
            modules |= set(modules_of(line.name))
        elif line.name in installed:
            modules |= installed[line.name]
        else:
            unknown.append(line.name or str(line))
    return modules, unknown
