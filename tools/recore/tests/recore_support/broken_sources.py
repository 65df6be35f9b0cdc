"""Edits to submissions/good: flaws that a source rule must find, and harmless edits that look like flaws.

Each edit's name begins with the code of the rule that must find the flaw or accept the harmless edit.
"""

import textwrap

from recore.check.rule import Level
from recore_support.edited_submissions import Case, Change, chain, delete, insert, replace, require, write
from recore_support.schema import TARGETS

WARNING = Level.WARNING
RUN = 'if __name__ == "__main__":\n'
FIRST, SECOND, *OTHERS = TARGETS
MODULES = '"preprocess", "train"'
SETUP = f'setup(name="good", py_modules=[{MODULES}])'
HOOKS = """\
def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data, content_type):
    return input_data.splitlines()[1:]
"""
ALIASES = {"argparse.": "argparse", "click.": "click", "json.": "json", "np.": "numpy as np", "pd.": "pandas as pd"}


def write_train(code: str, imports: str = "") -> Change:
    """Return a change that writes a short train.py with two hooks, `code`, and the imports that `code` needs."""
    imports += "".join(f"import {module}\n" for name, module in ALIASES.items() if name in code)
    head = '"""Steps 1 and 3."""\n\nimport os\nimport pickle\n' + (f"\n{imports}" if imports else "")
    return write("train.py", "\n\n".join(part for part in (head, HOOKS, code) if part))


def train(code: str, *changes: Change, imports: str = "", line: str = "", level: Level = Level.ERROR) -> Case:
    """Return a case with a flaw in train.py, which ends with `code`. line: the flawed line, by default the last."""
    change = chain(write_train(code, imports), *changes)
    return Case(change, "train.py", line or code.splitlines()[-1].strip(), level)


def main(line: str, imports: str = "", level: Level = Level.ERROR) -> Case:
    return train(f"{RUN}    {line}\n", imports=imports, level=level)


def argument(arguments: str, level: Level = Level.ERROR) -> Case:
    return train(f"{RUN}{PARSER}    parser.add_argument({arguments})\n", level=level)


def imports(line: str, use: str, *changes: Change) -> Case:
    return train(use, *changes, imports=f"{line}\n", line=line)


def fit(line: str, level: Level = Level.ERROR) -> Case:
    """Return a case with a flaw in the line that defines fit(), which main() calls as in the template."""
    return train(f"{line}\n    return 1\n\n\n{CALL}", imports="import inspect\n", line=line, level=level)


def preprocess(line: str, *changes: Change, level: Level = Level.ERROR) -> Case:
    return Case(chain(*changes), "preprocess.py", line, level)


def default_path(line: str, base: str = "os.sep") -> Case:
    """Return a case with a flawed preprocess.py, which uses pandas: `line` defines an option with a wrong default."""
    return Case(write("preprocess.py", PREPROCESS.format(base=base, options=line, more="")), "preprocess.py", line)


def setup(line: str, *more: Change) -> Case:
    """Return a case with a flaw in setup.py: `line` replaces the call to setup()."""
    return Case(chain(replace("setup.py", SETUP, line), *more), "setup.py", line)


def name_modules(*names: str) -> Change:
    return replace("setup.py", MODULES, ", ".join([MODULES, *(f'"{name}"' for name in names)]))


def requirement(lines: str, level: Level = Level.ERROR) -> Case:
    """Return a case with a flaw in the last line of requirements.txt, which MANIFEST.in includes."""
    return Case(require(f"{lines}\n"), "requirements.txt", lines.splitlines()[-1], level)


def upload(file: str, content: str, line: str = "", level: Level = Level.ERROR) -> Case:
    return Case(write(file, content, "MANIFEST.in", f"include {file}\n"), file, line, level)


PREPROCESS = """\
import argparse
import os
from pathlib import Path

import pandas as pd

BASE = {base}
HERE = "inputs.csv"


def rows_of(path):
    return pd.read_csv(path, index_col=0).iloc[:, 3:6]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    {options}
    arguments, _ = parser.parse_known_args()
{more}    rows_of(arguments.input).to_csv(arguments.output)
"""
PARSER = "    parser = argparse.ArgumentParser()\n"
CALL = f"""\
{RUN}{PARSER}    parser.add_argument("--folds", type=int, default=5)
    defaults = {{name: each.default for name, each in [*inspect.signature(fit).parameters.items()][3:]}}
    values = {{name: value for name, value in defaults.items() if isinstance(value, int | float | str)}}
    print(fit(1, 2, 3, **values), parser.parse_known_args())
"""
ARGS = "argparse.ArgumentParser().parse_known_args()"
MAIN = "def main():\n"
OPTION = 'parser.add_argument("--input", default="data/public/public.csv.gz")'
NOT_REQUIREMENTS = (
    "numpy=2.5.1",
    "mdl @ https://example.com/mdl-1.0-py3-none-any.whl",
    "cubist=1.2.2=py312_0",
    "!pip install cubist==1.2.2",
    "stagemaker==1.0",
    "-e ../mdl",
    "C:\\mdl\\mdl-1.0-py3-none-any.whl",
    "--editable ./lib",
    "-e .",
    "cubist==1.2.2 --hash=sha256:aa\nsix==1.17.0",
    "sklearn==0.0",
    "tensorflow_gpu==2.12.0",
    "# more\n-r more.txt",
    "--pre --index-url https://example.com",
    "mdl @ file:///home/ada/mdl-1.0-py3-none-any.whl",
    "git+https://example.com/ada/mdl",
    "cubist==1.2.2\nCubist==1.2.1",
    "six===x/../../../unpacked/pkg",
    'cubist==1.2.2 --hash="sha256:aa --no-binary=cubist"',
    "lightgbm===${AWS_SECRET_ACCESS_KEY}",
    "cubist==1.2.2 ; python_version > '3\" --no-binary=:all: \"'",
    "cubist==1.0+local.zip",
)
MDL = write("mdl.py", "ALPHA = 1.0\n")
WHEEL = "wheels/mdl-1.0-py3-none-any.whl"
BRANCH = f"match sys.version_info[0]:\n    case 3:\n        {SETUP}"

FLAWS = {
    "RC102": train("def fit(inputs, targets, holes)\n    return None\n", line="def fit(inputs, targets, holes)"),
    "RC102 undefined": train(
        "def output_fn(prediction, accept):\n    buffer = io.StringIO()\n    return buffer.getvalue()\n",
        line="buffer = io.StringIO()",
    ),
    "RC102 notebook": train("%matplotlib inline\n"),
    "RC102 notebook's command": train("def fit():\n    !pip install cubist\n"),
    "RC102 helper": Case(
        chain(write_train("MODEL = mdl\n", "import mdl\n"), write("mdl.py", "return 1\n"), name_modules("mdl")),
        "mdl.py",
        "return 1",
    ),
    "RC108": imports("import lightgbm", "MODEL = lightgbm.LGBMRegressor\n"),
    "RC108 of this machine": imports("from recore import schema", "MODEL = schema.TARGETS\n"),
    "RC108 other case": imports("import Helpers", "ALPHA = Helpers.ALPHA\n", write("helpers.py", "ALPHA = 1.0\n")),
    "RC108 other Python": imports(
        "import tomli", "LOAD = tomli.load\n", require('tomli==2.0.1; python_version < "3.11"\n')
    ),
    "RC108 folder": imports("import helpers", "ALPHA = helpers.ALPHA\n", write("src/helpers.py", "ALPHA = 1.0\n")),
    "RC109": preprocess(
        "from channels import FIRST",
        replace("preprocess.py", "HERE =", "from channels import FIRST\nHERE =", "][:3]", "][:FIRST]"),
        write("channels.py", "FIRST = 3\n"),
        name_modules("channels"),
    ),
    "RC109 package": preprocess(
        "import cubist", insert("preprocess.py", "import cubist\n", before="HERE ="), require("cubist==1.2.2\n")
    ),
    "RC110": Case(chain(write("scipy.py", "ALPHA = 1.0\n"), name_modules("scipy")), "scipy.py"),
    "RC110 folder here": Case(
        chain(write_train("", "import train\n"), write("train/__init__.py", "")), "train.py", level=WARNING
    ),
    "RC110 folder": Case(
        chain(
            write_train("ALPHA = mdl.ridge.ALPHA\n", "import mdl.ridge\n"), MDL, write("mdl/ridge.py", "ALPHA = 1\n")
        ),
        "mdl.py",
    ),
    "RC110 not uploaded": Case(
        chain(
            write_train("SIMPLE = types.SimpleNamespace\n", "import types\n"),
            replace("preprocess.py", "import os\n", "import types\nimport os\n"),
            write("types.py", "class SimpleNamespace:\n    pass\n"),
        ),
        "types.py",
    ),
    "RC110 standard library": Case(
        chain(
            write_train("MEAN = statistics.mean\n", "import statistics\n"),
            write("statistics.py", "def mean(values):\n    return sum(values) / len(values)\n"),
            name_modules("statistics"),
        ),
        "statistics.py",
        level=WARNING,
    ),
    "RC114": train(
        'def predict_fn(inputs, model):\n    return np.load("weights.npy")\n', write("weights.npy", "not an array")
    ),
    "RC114 above": main('data = pd.read_csv("../data/public.csv.gz")'),
    "RC114 above the script": main(
        'data = pd.read_csv(Path(__file__).resolve().parent.parent / "data" / "public.csv.gz")',
        "from pathlib import Path\n",
    ),
    "RC114 default above": argument('"--data", default="../data/public"', WARNING),
    "RC114 own function": train(
        'def read(path):\n    return open(path)\n\n\ndef load():\n    return read("../data/public/public.csv.gz")\n',
        level=WARNING,
    ),
    "RC114 Windows": main(r'data = pd.read_csv(r"C:\Users\ada\public.csv.gz")'),
    "RC114 absolute": main('data = pd.read_csv("/home/ada/recore/public.csv.gz")'),
    "RC114 data": main('data = pd.read_csv(os.path.join("data", "public", "public.csv.gz"))'),
    "RC114 default": preprocess(
        OPTION,
        replace("preprocess.py", "import csv\n", "import argparse\nimport csv\n"),
        replace("preprocess.py", MAIN, f"{MAIN}{PARSER}    {OPTION}\n    parser.parse_known_args()\n"),
        level=WARNING,
    ),
    "RC114 preprocess": preprocess(
        'with open("limits.json") as file:',
        replace("preprocess.py", MAIN, f'{MAIN}    with open("limits.json") as file:\n        print(file.read())\n'),
        write("limits.json", "{}\n", "MANIFEST.in", "include limits.json\n"),
    ),
    "RC116": main('os.system("pip install lightgbm")'),
    "RC116 address": main('data = pd.read_csv("https://example.com/public.csv.gz")'),
    "RC119": train(
        'TARGETS = """\n' + textwrap.fill(" ".join([SECOND, FIRST, *OTHERS]), 100) + '\n""".split()\n',
        line='TARGETS = """',
    ),
    "RC119 misspelt": train(f"TARGETS = {['CUPPM' if name == 'CuPPM' else name for name in TARGETS]}\n"),
    "RC122": default_path('parser.add_argument("--input", default="/opt/ml/processing/input/public.csv.gz")'),
    "RC122 base": default_path(
        'parser.add_argument("--output", default=BASE + "/preprocess/public.csv")',
        'os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml") + "/processing"',
    ),
    "RC123": main("print(argparse.ArgumentParser().parse_args())", level=WARNING),
    "RC124": train('FOLDER = os.environ["SM_CHANNEL_TRAINING"]\n'),
    "RC124 fit": train(
        "def main():\n    return Ridge().fit([[1.0]], [1.0])\n\n\nmain()\n",
        imports="from sklearn.linear_model import Ridge\n",
    ),
    "RC124 preprocess": preprocess(
        ARGS, replace("preprocess.py", "import csv\n", "import argparse\nimport csv\n", f"{RUN}    main()", ARGS)
    ),
    "RC125 required": argument('"--epochs", type=int, required=True'),
    "RC125 default": train(
        'def fit(inputs, targets, holes, components="10"):\n    return components\n',
        line='def fit(inputs, targets, holes, components="10"):',
        level=WARNING,
    ),
    "RC125 type": argument('"--alpha", default=0.1', WARNING),
    "RC125 positional": argument('"data"'),
    "RC125 several": argument('"files", nargs="+", default=["x"]'),
    "RC126": fit("def fit(X, y):"),
    "RC126 required": fit("def fit(inputs, targets, groups, depth):"),
    "RC126 option": fit("def fit(inputs, targets, groups, folds: int = 3):"),
    "RC126 without a type": fit("def fit(inputs, targets, groups, depth: int | None = None):", level=WARNING),
    "RC126 skipped": fit("def fit(*data, depth: int = 3):", level=WARNING),
    "RC127": main('print(input("train all targets? "))'),
    "RC127 standard input": main("print(sys.stdin.readline())", "import sys\n"),
    "RC127 lines": main("for line in sys.stdin: print(line)", "import sys\n"),
    "RC127 hook": train("def predict_fn(inputs, model):\n    breakpoint()\n", line="breakpoint()"),
    "RC201": setup(
        f'setup(name="good", py_modules=[{MODULES}], packages=find_packages(*NAMES))',
        replace("setup.py", "import setup", "import find_packages, setup\n\nNAMES = ()"),
    ),
    "RC201 other case": Case(chain(delete("train.py"), write("Train.py", "ALPHA = 1.0\n")), "setup.py", SETUP),
    "RC201 train": Case(delete("train.py"), "setup.py", SETUP),
    "RC201 suffix": setup('setup(name="good", py_modules=["preprocess", "train.py"])'),
    "RC201 notebook": Case(chain(delete("train.py", "setup.py"), write("model.ipynb", "{}")), "setup.py"),
    "RC201 folder among modules": setup(
        f'setup(name="good", py_modules=[{MODULES}, "mdl"])', write("mdl/ridge.py", "ALPHA = 1.0\n")
    ),
    "RC201 empty": setup("setup()", write("pyproject.toml", '[project]\nname = "mine"\nversion = "1"\n')),
    "RC201 folder": setup(f'setup(name="mine", py_modules=[{MODULES}], package_dir={{"": "src"}})'),
    "RC201 gone": setup(f'setup(name="mine", py_modules=[{MODULES}, "gone"])'),
    "RC201 import": Case(
        replace("setup.py", "from setuptools", "import numpy\nfrom setuptools", '"good"', '"good", version=numpy.a'),
        "setup.py",
        "import numpy",
    ),
    "RC201 syntax": Case(
        replace("setup.py", "from setuptools", "import sys\n\nfrom setuptools", SETUP, BRANCH), "setup.py", SETUP
    ),
    "RC201 list": Case(write("MANIFEST.in", "include **x\n"), "MANIFEST.in"),
    "RC202": imports("from mdl import ALPHA", "STRENGTH = ALPHA\n", MDL),
    "RC202 entry": Case(
        replace("setup.py", SETUP, 'setup(\n    name="mine",\n    py_modules=["train"],\n)'),
        "setup.py",
        'py_modules=["train"],',
    ),
    "RC202 score": imports("import score", "WEIGHTS = score.WEIGHTS\n", write("score.py", "WEIGHTS = {}\n")),
    "RC203": Case(write("MANIFEST.in", "# the upload\nadd requirements.txt\n"), "MANIFEST.in", "add requirements.txt"),
    "RC203 folder alone": Case(
        write("MANIFEST.in", "# the upload\nrecursive-include data\n"), "MANIFEST.in", "recursive-include data"
    ),
    "RC203 missing": Case(
        write("MANIFEST.in", "include requirement.txt\n"), "MANIFEST.in", "include requirement.txt", WARNING
    ),
    "RC203 mark": Case(
        write("requirements.txt", "numpy==2.5.1\n", "MANIFEST.in", "\ufeffinclude requirements.txt\r\n"),
        "MANIFEST.in",
        "\ufeffinclude requirements.txt",
    ),
    "RC204": Case(write("requirements.txt", "numpy==2.5.1\ncubist==1.2.2\n"), "requirements.txt", "cubist==1.2.2"),
    **{f"RC205 {line.splitlines()[-1]}": requirement(line) for line in NOT_REQUIREMENTS},
    "RC205 wheel": Case(chain(require(f"./{WHEEL}\n"), write(WHEEL, "a wheel")), "requirements.txt", f"./{WHEEL}"),
    "RC205 other case": Case(write("Requirements.txt", "cubist==1.2.2\n"), "Requirements.txt"),
    "RC206": requirement("cubist>=1.0", WARNING),
    "RC207": requirement("scikit-learn==1.5.0"),
    "RC207 former": requirement("psutil==5.7.2"),
    "RC208": Case(write("dist/good-0.0.0.tar.gz", "an archive"), "dist/good-0.0.0.tar.gz"),
    "RC208 wheel": Case(
        write("dist/good-0.0.0-py3-none-any.whl", "a wheel"), "dist/good-0.0.0-py3-none-any.whl", level=WARNING
    ),
    "RC209": Case(
        write("data/public/assays.csv", "index,CuPPM\n1,20\n", "MANIFEST.in", "graft data\n"), "data/public/assays.csv"
    ),
    "RC209 key": upload("notes.txt", "-----BEGIN PRIVATE KEY-----\nnot a real one\n", "-----BEGIN PRIVATE KEY-----"),
    "RC209 password": train('PASSWORD = "Tr0ub4dor3"\n', level=WARNING),
    "RC209 score": upload("score.py", "print(1)\n"),
    "RC209 table": upload("minerals.csv", "name,band\nquartz,800\n", level=WARNING),
}

PATHS = """\
def limits():
    with open(os.path.join(os.path.dirname(__file__), "limits.json")) as file:
        return json.load(file)


def data_dir():
    here = os.environ.get("SM_CHANNEL_TRAINING", "data/public")
    if os.path.exists("data/public/public.csv.gz"):
        return open("data/public/public.csv.gz", "rb")
    try:
        return open("data/more.csv")
    except OSError:
        return here
"""
OTHER_PATHS = '''\
def explain():
    """Explain how to read /home/ada/data.csv, or C:/data/public.csv on Windows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--input", default=None, help="/home/ada/public.csv.gz")
    print("/home/ada/public.csv.gz")
    routes = ["/", "/ping", "/invocations", "text/csv", "http://127.0.0.1", "/opt/ml/model", "/tmp/cache"]
    if os.path.isdir("/home/ada"):
        routes.append(open("/home/ada/more.csv"))
    routes += [open("/opt/ml/" + routes[0]), open(os.path.join("/opt/ml", routes[1], "x"))]
    raise ValueError("/home/ada/public.csv.gz", routes)
'''
DEFINITIONS = """\
COUNT = 0


def fit(inputs: pl.DataFrame, targets: "np.ndarray") -> pl.Series:
    global COUNT, MODEL
    COUNT += 1
    MODEL = [name for name in inputs if (length := len(name))]
    try:
        text = unicode
    except NameError:
        text = str
    return text(MODEL) + __file__ + str(length)


class Counter:
    step = 1
    steps = [step for _ in range(3)]

    def count(self):
        return __class__, MODEL


def top(rows):
    count = len(rows)
    return count


if os.name == "nt":
    FAILURE = WindowsError
"""
NEW_SYNTAX = """\
type Row = list[float]


def first[T](rows: list[T]) -> T:
    match rows:
        case [row, *_]:
            return row
    raise ValueError(f"{len(rows)} rows, {", ".join(map(str, rows))}")
"""
IMPORTS = """\
import importlib.util

import cv2
import joblib
import lightgbm
import xgboost
from threadpoolctl import threadpool_limits

try:
    import catboost
except ImportError:
    catboost = None
if importlib.util.find_spec("tabpfn"):
    import tabpfn
"""
PREPROCESS_IMPORTS = """\
from typing import TYPE_CHECKING

import numpy
import pyarrow.csv
import scipy.signal

if TYPE_CHECKING:
    import polars
try:
    import isal
except ImportError:
    isal = None

LIBRARIES = (numpy, pyarrow, scipy)
"""
NETWORK_CODE = '''\
def host():
    """Return the local name and the address of the documentation, https://example.com."""
    return socket.gethostname(), "https://example.com"


def download():
    try:
        import requests
    except ImportError:
        return None
    return requests
'''
MANIFEST = """\
# the upload
include requirements.txt \\
  notes.txt

global-exclude *.pyc
prune tests
exclude README.md
recursive-include settings *.toml *.json
"""
HASHED_REQUIREMENT = """\
--require-hashes
cubist==1.2.2 \\
    --hash=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef \\
    --hash=sha256:fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210
    # via -r requirements.in
"""
ARGUMENTS = """\
def fit(inputs, targets, holes, alpha=1.0, kernel="rbf"):
    return alpha, kernel


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("file", nargs="?", default="public.csv.gz")
    parser.add_argument("--alpha", type=float, default=1.0)
    parser.add_argument("--kernel", default="rbf")
    parser.add_argument("--verbose", action="store_true", default=False)
    parser.add_argument("--scale", action=argparse.BooleanOptionalAction, default=False)
    command = parser.add_subparsers().add_parser("plot")
    command.add_argument("picture")
    parser.add_argument("more", nargs=argparse.REMAINDER)
    parser.parse_known_args()


@click.command()
@click.argument("rows", nargs=-1)
@click.argument("seed", required=False)
def main(rows, seed):
    print(rows, seed)
"""
FIT_CODE = """\
LIMIT = 3


def fit(X, y, holes=None, depth=LIMIT, shrink=-1.0, weights: dict = None, shape=(1, 2), *, warm=False, **others):
    return X, y, holes


"""
QUESTIONS = """\
def explore(input):
    return input("x"), breakpoint()


def main():
    if sys.stdin.isatty():
        print(sys.stdin.readline())
    try:
        print(input("name? "), sys.stdin.fileno())
    except EOFError:
        print("nobody")


main()
"""
IMPORT_CODE = """\
FOLDER = os.environ.get("SM_MODEL_DIR", "model")


def main():
    print(os.environ["SM_CHANNEL_TRAINING"])


START = partial(main)
if "SM_CHANNEL_TRAINING" in os.environ:
    START()
if __name__ == "__main__":
    main()
"""
REQUIREMENTS = """\
# mine
cubist==1.2.2  # rules
numpy==2.5.1; python_version >= "3.12"
numpy==1.26.4; python_version < "3.12"
scikit-learn[alldeps]\\
  ==1.9.0
"""
LIB_PATH = (
    'import sys\n\nsys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))\nimport mdl\n'
)
SETUP_CODE = """\
import os

import setuptools

with open(os.path.join(os.path.dirname(__file__), "README.md")) as file:
    README = file.read()

setuptools.setup(name="mine", long_description=README, py_modules=("preprocess", "train"))
"""

VARIANTS: dict[str, Change] = {
    "RC102": write_train(NEW_SYNTAX),
    "RC102 defined": chain(
        write_train(DEFINITIONS, "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import polars as pl\n"),
        replace("train.py", "import os\n", "from __future__ import annotations\n\nimport os\n"),
    ),
    "RC102 star": chain(write_train("ALPHAS = [ALPHA]\n", "from mdl import *\n"), MDL, name_modules("mdl")),
    "RC102 made": write_train('globals()["ALPHA"] = 1.0\nALPHAS = [ALPHA]\n'),
    "RC108": chain(
        write_train("MODELS = (cv2, joblib, lightgbm, xgboost, threadpool_limits)\n", IMPORTS),
        require("lightgbm==4.6.0\nxgboost-cpu==3.4.1\nopencv-python-headless==4.11.0.86\n"),
    ),
    "RC108 folder": chain(
        write_train("ALPHA = mdl.ALPHA\n", LIB_PATH), write("lib/mdl.py", "ALPHA = 1.0\n", "MANIFEST.in", "graft lib\n")
    ),
    "RC109": insert("preprocess.py", PREPROCESS_IMPORTS, before="HERE ="),
    "RC110": chain(
        write("inference.py", "", "ridge.py", "", "utils.py", "", "test.py", "# not uploaded\n"),
        name_modules("ridge", "utils", "inference"),
    ),
    "RC114": chain(write_train(PATHS), write("limits.json", "{}\n", "MANIFEST.in", "include limits.json\n")),
    "RC114 absolute": write_train(OTHER_PATHS),
    "RC116": write_train(NETWORK_CODE, "import socket\n"),
    "RC119": write_train(
        f"TARGETS = {list(TARGETS)}\nWEIGHTS = {dict.fromkeys(reversed(TARGETS), 0.01)}\n"
        'METALS = ["CuPPM", "AuPPM", "AgPPM"]\n'
    ),
    "RC119 split": write_train(f'TARGETS = """\n    {" ".join(TARGETS)}\n""".split()\n'),
    "RC122": write(
        "preprocess.py",
        PREPROCESS.format(
            base='Path(os.getenv("SAGEMAKER_BASE_DIR", "/opt/ml"))',
            options='parser.add_argument("--input", default=BASE / "processing/input" / "public/public.csv.gz")\n'
            '    parser.add_argument("--output", default=HERE)',
            more="    if arguments.output == HERE:\n"
            '        arguments.output = BASE / "processing/output/preprocess/public.csv"\n',
        ),
    ),
    "RC123": write_train(f"{RUN}    print(argparse.ArgumentParser().parse_known_args())\n"),
    "RC124": write_train(IMPORT_CODE, "from functools import partial\n"),
    "RC125": write_train(ARGUMENTS),
    "RC126": write_train(FIT_CODE + CALL, "import inspect\n"),
    "RC127": write_train(QUESTIONS, "import sys\n"),
    "RC201": write("setup.py", SETUP_CODE, "README.md", "Mine.\n"),
    "RC201 find_packages": chain(
        replace("setup.py", "import setup", "import find_packages, setup"),
        replace("setup.py", '"train"])', '"train"], packages=find_packages(".", exclude=["tests", "tests.*"]))'),
        write("tests/__init__.py", ""),
    ),
    "RC201 list": chain(
        write("MANIFEST.in", "include *.json\nrecursive-include settings **/*.json\n"),
        write("settings/deep/a.json", "{}\n"),
    ),
    "RC202": chain(
        write_train("STRENGTH = ALPHA\n", "from mdl import ALPHA\n"),
        write("mdl.py", f"ALPHA = 1.0\n\n{RUN}    import plots\n\n    plots.draw(ALPHA)\n"),
        write("plots.py", "def draw(alpha):\n    print(alpha)\n", "notebook.py", "import plots\n"),
        name_modules("mdl"),
    ),
    "RC202 manifest": chain(
        write_train("STRENGTH = ALPHA\n", "from mdl import ALPHA\n"), MDL, write("MANIFEST.in", "include mdl.py\n")
    ),
    "RC203": write("MANIFEST.in", MANIFEST, "requirements.txt", "", "notes.txt", ""),
    "RC203 backslash": write("MANIFEST.in", "include\\\nrequirements.txt\n", "requirements.txt", ""),
    "RC204": write("requirements.txt", 'numpy==2.5.1\nscikit-learn\ncubist==1.2.2 ; python_version < "3"\n'),
    "RC205": require(REQUIREMENTS),
    "RC205 other packages": require("serial==0.0.97\ndocx==0.2.4\njwt==1.3.1\nbs4==0.0.2\n"),
    "RC205 hashes": require(HASHED_REQUIREMENT),
    "RC205 folder": chain(
        write("requirements.txt", "./mdl\n", "MANIFEST.in", "include requirements.txt\ngraft mdl\n"),
        write("mdl/setup.py", "from setuptools import setup\n\nsetup()\n"),
    ),
    "RC205 Windows": chain(
        write("requirements.txt", "\ufeffnumpy\r\ncubist \\\r\n  ==1.2.2\r\n"),
        write("MANIFEST.in", "\ufeff# uploaded\r\ninclude \\\r\n  requirements.txt\r\n"),
        replace("setup.py", "from setuptools", "\ufefffrom setuptools"),
        replace("train.py", '"""Steps', '\ufeff"""Steps'),
    ),
    "RC205 UTF-16": chain(
        require(""),
        lambda folder: (folder / "requirements.txt").write_bytes("numpy\r\ncubist==1.2.2\r\n".encode("utf-16")),
    ),
    "RC206": require('numpy\ncubist==1.2.2\nxgboost-cpu===3.4.1\ntomli; python_version < "3.11"\n'),
    "RC207": require("numpy>=2,<3\nscikit-learn~=1.9\npandas==2.2.*\n"),
    "RC208": write("build/notes.txt", "not looked at\n", "distribution/old.tar.gz", "elsewhere\n"),
    "RC209": chain(
        replace("setup.py", '"train"]', '"train"], packages=["mine", "mine.data"]'),
        write("mine/__init__.py", "", "mine/data/__init__.py", "", "mine/data/reading.py", "CHANNELS = 3\n"),
        write("data/public/assays.csv", "index,CuPPM\n1,20\n", "score.py", "print(1)\n"),
        write("limits.json", "{}\n", "MANIFEST.in", "include limits.json\n"),
    ),
}
