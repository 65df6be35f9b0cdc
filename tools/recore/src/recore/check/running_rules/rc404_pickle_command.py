"""The model's pickle can run commands when anyone, including the host, loads it. A trained model needs no commands, so
a host will reject such a file. joblib files are checked in the same way. A file that cannot be read completely is an
error, because it may hide a command.

    def __reduce__(self): return os.system, ("curl example.org",)

Fix: keep only data and estimators in the model, and do everything else in model_fn.
"""

import re
import sys

from recore.check.container import PINNED_MODULES, REQUIRED_MODULES
from recore.check.experiments import Experiments
from recore.check.pickles import Pickle
from recore.check.rule import Finding, Findings, rule

# Standard library modules whose classes or functions models need. All others are reported, since many can run commands.
HARMLESS_GLOBALS = frozenset(
    "_codecs _decimal _operator _random _struct array bisect calendar cmath collections copy copyreg datetime decimal "
    "fractions functools hashlib heapq ipaddress itertools json math numbers operator random re statistics string "
    "struct textwrap time unicodedata uuid weakref zoneinfo builtins".split()
)
HARMLESS_NAMES = frozenset(
    "types.SimpleNamespace types.MappingProxyType types.MethodType types.NoneType inspect.Signature inspect.Parameter "
    "inspect._empty inspect._ParameterKind logging.getLogger logging.Logger enum.Enum dataclasses.MISSING re._compile "
    "_codecs.encode".split()
)
# The container's packages whose classes or functions models need. Its other packages are rejected: many start programs.
ML_PACKAGES = frozenset(
    "numpy scipy sklearn pandas joblib pyarrow cloudpickle dateutil pytz tzdata threadpoolctl narwhals".split()
)
REJECTED_PACKAGES = (PINNED_MODULES | REQUIRED_MODULES | {"distutils", "_distutils_hack"}) - ML_PACKAGES
REJECTED_PARTS = frozenset("externals subprocess ctypeslib f2py testing _testing".split())  # parts of a module's name
# Any module gives access to the modules that it imports, as in `numpy.lib.format.os.system`.
NAMES = REJECTED_PARTS | frozenset(
    "os posix nt sys subprocess builtins importlib shutil pickle socket ctypes runpy multiprocessing pty io codecs "
    "__globals__ __dict__ __subclasses__ __mro__ __bases__ __base__ __code__ __loader__ __spec__ __getattribute__ "
    "system popen Popen eval exec compile query runstring load loads read_pickle modules fork_exec load_library "
    "save savetxt savez savez_compressed savemat save_npz tofile dump to_pickle to_csv delete_folder".split()
)
IMPORT = re.compile(r"(^|_)import(_|$)")  # as in pandas' import_optional_dependency
BUILTINS = frozenset("open input breakpoint globals locals vars delattr setattr".split())
FIX = "Keep only data and estimators in the model, and do everything else in model_fn"
FIX_UNREADABLE = "Save the model with pickle.dump or joblib.dump, as the only content of its file"


def judge(pickle: Pickle) -> tuple[str, str] | None:
    """Return a message and its fix, or None if loading the pickle cannot run commands."""
    if commands := [each for each in pickle.imports if _runs_commands(*each)]:
        names = ", ".join(f"{module}.{name}" if module else "a computed function" for module, name in commands)
        return f"{pickle.name} calls {names} when it is loaded, so it can run any command", FIX
    if pickle.problem and not pickle.is_foreign:
        return f"{pickle.name} cannot be read completely, so it may run any command: {pickle.problem}", FIX_UNREADABLE
    return None


@rule("Loading the model runs no commands", needs=("RC301",))
def inspect(experiments: Experiments) -> Findings:
    for pickle in experiments.pickles():
        if verdict := judge(pickle):
            yield Finding(*verdict, experiments.scripts.locate("save_model"))


def _runs_commands(module: str, name: str) -> bool:
    if not module:
        return True  # the name is computed while the pickle loads, which pickle itself never writes
    package, *submodules = module.split(".")
    if f"{module}.{name}" in HARMLESS_NAMES:
        return False
    if package in sys.stdlib_module_names and package not in HARMLESS_GLOBALS:
        return True
    if package in REJECTED_PACKAGES or not REJECTED_PARTS.isdisjoint(submodules):
        return True
    parts = name.split(".")
    is_reached = any(part in NAMES or part.strip("_") in NAMES or IMPORT.search(part) for part in parts)
    return is_reached or (module == "builtins" and parts[0] in BUILTINS)
