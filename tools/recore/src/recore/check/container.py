"""The modules that a submission can import, because the container or requirements.txt provides them."""

import sys
from importlib.metadata import packages_distributions

from packaging.utils import canonicalize_name

from recore.failures import DISTRIBUTIONS
from stagemaker import RequirementLine, container_packages

VERSIONS = {name.lower(): version for name, version in container_packages().items()}
MODULES = {
    "scikit-learn": ("sklearn",),
    "protobuf": ("google",),
    "pyyaml": ("yaml",),
    "setuptools": ("setuptools", "pkg_resources"),
}
# modules in the packages' dependencies, one in stagemaker/container/library, and one that only AWS's image has
REQUIRED_MODULES = frozenset(
    "bcrypt blinker botocore certifi cffi charset_normalizer click cloudpickle cryptography dateutil gevent greenlet "
    "idna inotify_simple invoke itsdangerous jinja2 jmespath joblib markupsafe nacl narwhals packaging paramiko pip "
    "psutil pycparser pytz retrying s3transfer six threadpoolctl tzdata urllib3 zope sagemaker_containers mms".split()
)


def modules_of(distribution: str) -> tuple[str, ...]:
    """Return the top-level modules in a pinned package. distribution: the package's normalised name."""
    return MODULES.get(distribution, (distribution.replace("-", "_"),))


PINNED_MODULES = frozenset(module for distribution in VERSIONS for module in modules_of(distribution))


def is_in_container(module: str) -> bool:
    """Return whether a top-level module is in the container's standard library or packages."""
    return module in sys.stdlib_module_names or module in PINNED_MODULES or module in REQUIRED_MODULES


def provided_modules(lines: list[RequirementLine]) -> tuple[set[str], list[str]]:
    """Return the top-level modules that the requirements provide, and the packages whose modules are unknown."""
    installed: dict[str, set[str]] = {}
    known = [(module, name) for module, names in packages_distributions().items() for name in names]
    for module, distribution in [*known, *DISTRIBUTIONS.items()]:
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
