"""Decide which of the names that a model resolves belong to data and estimators.

Python reports the files that a function opens for writing, and the processes, addresses and threads that it starts.
Some modules of the container do that without a report (pyarrow, xgboost, parts of scipy and pandas), and many modules
give access to others. Of the standard library and of such modules, only what models need is expected.
"""

import re
import sys
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Collection

from recore.check.container import PINNED_MODULES, REQUIRED_MODULES

EXTENSIONS = frozenset(("dill", "cloudpickle", "jsonpickle"))  # they store code in the pickle
DATA_MODULES = frozenset(  # of the standard library, with all names
    "_decimal _operator _random _struct array bisect cmath collections datetime decimal fractions heapq ipaddress "
    "itertools math numbers operator random statistics uuid zoneinfo".split()
)
DATA_NAMES = {
    "_codecs": "encode",
    "builtins": "abs all any bool bytearray bytes complex dict divmod enumerate filter float frozenset getattr int len "
    "list map max min object pow range reversed round set slice sorted str sum tuple type zip Ellipsis NotImplemented "
    "ellipsis NotImplementedType",
    "copy": "copy deepcopy",
    "copyreg": "_reconstructor __newobj__ __newobj_ex__",
    "dataclasses": "MISSING",
    "enum": "Enum IntEnum",
    "functools": "partial reduce",
    "inspect": "Signature Parameter _empty _ParameterKind",
    "joblib.numpy_pickle": "NumpyArrayWrapper",
    "joblib.numpy_pickle_compat": "NDArrayWrapper ZNDArrayWrapper",
    "logging": "getLogger Logger",
    "pathlib": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
    "pyarrow.lib": "_restore_array py_buffer timestamp type_for_alias",
    "re": "_compile Pattern RegexFlag",
    "string": "Template",
    "time": "struct_time",
    "types": "GenericAlias MappingProxyType MethodType NoneType SimpleNamespace",
}
# functions that read attributes by name, which neither the resolved names nor Python's events show
ATTRIBUTE_GETTERS = frozenset(("getattr", "attrgetter", "methodcaller"))
# the container's packages of which most names are expected; those of requirements.txt are judged in the same way
ML_PACKAGES = frozenset("numpy scipy sklearn pandas dateutil pytz".split())
JOB_PROGRAMS = frozenset(("load", "recore_serving", "step_environment"))  # of the job that loads the model
OTHER_PACKAGES = (PINNED_MODULES | REQUIRED_MODULES | JOB_PROGRAMS | {"distutils", "_distutils_hack"}) - ML_PACKAGES
# parts of the names of modules that open files, start programs, evaluate expressions or import by name
UNEXPECTED_PARTS = frozenset(
    "_pytesttester _testing _testutils _uarray collective computation conftest ctypeslib estimator_checks externals "
    "f2py io odr testing".split()
)
SPECIAL = re.compile(r"__\w+__")
UNEXPECTED_NAMES = re.compile(
    r"_*(dump|eval|exec|export|mmwrite|query|save|to_(?!numpy|numeric|datetime)|write"
    r"|check_response_method|get_response_values|import_optional_dependency|clone_module"
    r"|DataIter|DummyArray|\w*DMatrix)"
)
PANDAS_CALLERS = ("agg", "aggregate", "apply", "map", "pipe", "transform")  # call any method by its name
PANDAS_FUNCTIONS = re.compile(  # modules of which functions are expected; some functions of others call any method
    r"pandas(\.(_libs|tseries|core\.(algorithms|construction|dtypes\.missing|indexes|internals|reshape|tools))"
    r"(\.\w+)*)?"
)
METHODS = re.compile(r"(DataFrame|Index|IndexOpsMixin|NDFrame|Series)\.[a-z]\w*|interp1d\._call_\w+")  # of ML_PACKAGES
PRIVATE = re.compile(r"_+[a-z]")  # some of these functions call any method of an object
PRIVATE_NAMES = re.compile(  # they create arrays, tables and generators, or are attributes of estimators
    r"__\w+_ctor|__pyx_unpickle_\w+|_\w*unpickle\w*|_new_\w+|_(ma)?reconstruct|_frombuffer|_p|_ttinfo"
    r"|_convert_to_stringdtype_kwargs|_identity|_kmeans_single_\w+|_passthrough_scorer"
)


def contains_code(module: str, name: str) -> bool:
    """Return whether a name restores code or reads attributes by name, so that its effect cannot be judged."""
    return module.partition(".")[0] in EXTENSIONS or (
        module in ("builtins", "operator", "_operator") and name in ATTRIBUTE_GETTERS
    )


def is_expected(module: str, name: str, own_modules: Collection[str]) -> bool:
    """Return whether a model may resolve a name. own_modules: the submission's top-level modules."""
    if module not in own_modules:  # protocols before 3 have the names of Python 2
        module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
    package, *subpackages = module.split(".")
    parts = name.split(".")
    listed = DATA_NAMES.get(module, "").split()
    if name in listed:
        return True
    if not name or any(SPECIAL.fullmatch(part) for part in parts):  # a module gives access to those that it imports
        return False
    if package in own_modules:
        return True
    if module in DATA_NAMES or package in sys.stdlib_module_names:
        is_exception = module == "builtins" and name.endswith(("Error", "Exception", "Warning"))
        return is_exception or package in DATA_MODULES
    if package in OTHER_PACKAGES or not UNEXPECTED_PARTS.isdisjoint(subpackages) or UNEXPECTED_NAMES.match(parts[-1]):
        return False
    if package in ML_PACKAGES and len(parts) > 1:
        return METHODS.fullmatch(name) is not None and parts[-1] not in PANDAS_CALLERS
    if package == "pandas" and name[0].islower() and not PANDAS_FUNCTIONS.fullmatch(module):
        return False
    return not PRIVATE.match(name) or PRIVATE_NAMES.fullmatch(parts[0]) is not None
