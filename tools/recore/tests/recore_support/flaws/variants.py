"""Variants of submissions/good that look wrong and are not: no rule that reads may find anything in them.

A variant is named after the rule that must not flag it, with a suffix if there are several.
"""

from benchmarks.mutants.editing import Change, both, insert, replace, require, write
from recore.schema import TARGETS
from recore_support.flaws.flaw import name_modules, write_train

PREPROCESS_DEFAULTS = """\
import argparse
import os
from pathlib import Path

import pandas as pd

BASE = Path(os.getenv("SAGEMAKER_BASE_DIR", "/opt/ml"))
HERE = "inputs.csv"


def rows_of(path):
    return pd.read_csv(path, index_col=0).iloc[:, 3:6]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--input", default=BASE / "processing/input" / "public/public.csv.gz")
    parser.add_argument("--output", default=HERE)
    arguments, _ = parser.parse_known_args()
    if arguments.output == HERE:
        arguments.output = BASE / "processing/output/preprocess/public.csv"
    rows_of(arguments.input).to_csv(arguments.output)
"""
DEFINED = """\
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
TALK = '''\
def host():
    """Return this machine's name and the address of the documentation, https://example.com."""
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
SETUP = """\
import os

import setuptools

with open(os.path.join(os.path.dirname(__file__), "README.md")) as file:
    README = file.read()

setuptools.setup(
    name="mine",
    long_description=README,
    py_modules=(
        "preprocess",
        "train",
    ),
)
"""
HASHED = """\
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
AT_IMPORT = """\
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
FROM_LIB = (
    'import sys\n\nsys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))\nimport mdl\n'
)
PLOTTING = 'ALPHA = 1.0\n\nif __name__ == "__main__":\n    import plots\n\n    plots.draw(ALPHA)\n'

VARIANTS: dict[str, Change] = {
    "available-packages": both(
        write_train("MODELS = (cv2, joblib, lightgbm, xgboost, threadpool_limits)\n", IMPORTS),
        require("lightgbm==4.6.0\nxgboost-cpu==3.4.1\nopencv-python-headless==4.11.0.86\n"),
    ),
    "available-packages-folder": both(
        write_train("ALPHA = mdl.ALPHA\n", FROM_LIB),
        write("lib/mdl.py", "ALPHA = 1.0\n"),
        write("MANIFEST.in", "graft lib\n"),
    ),
    "build-leftovers": both(
        write("build/notes.txt", "not looked at\n"), write("distribution/old.tar.gz", "elsewhere\n")
    ),
    "container-versions": require("numpy>=2,<3\nscikit-learn~=1.9\npandas==2.2.*\n"),
    "default-paths": write("preprocess.py", PREPROCESS_DEFAULTS),
    "files-not-uploaded": both(
        write_train(PATHS, "import json\n"), write("limits.json", "{}\n"), write("MANIFEST.in", "include limits.json\n")
    ),
    "files-not-uploaded-absolute": write_train(OTHER_PATHS, "import argparse\n"),
    "manifest": both(write("MANIFEST.in", MANIFEST), write("requirements.txt", ""), write("notes.txt", "")),
    "modules-uploaded": both(
        write_train("STRENGTH = ALPHA\n", "from mdl import ALPHA\n"),
        write("mdl.py", PLOTTING),
        write("plots.py", "def draw(alpha):\n    print(alpha)\n"),
        write("notebook.py", "import plots\n"),
        name_modules("mdl"),
    ),
    "modules-uploaded-manifest": both(
        write_train("STRENGTH = ALPHA\n", "from mdl import ALPHA\n"),
        write("mdl.py", "ALPHA = 1.0\n"),
        write("MANIFEST.in", "include mdl.py\n"),
    ),
    "arguments": write_train(ARGUMENTS, "import argparse\n\nimport click\n"),
    "import-side-effects": write_train(AT_IMPORT, "from functools import partial\n"),
    "network": write_train(TALK, "import socket\n"),
    "preprocess-alone": insert("preprocess.py", PREPROCESS_IMPORTS, before="HERE ="),
    "private-files": both(
        replace("setup.py", '"train"]', '"train"], packages=["mine", "mine.data"]'),
        write("mine/__init__.py", ""),
        write("mine/data/__init__.py", ""),
        write("mine/data/reading.py", "CHANNELS = 3\n"),
        write("data/public/assays.csv", "index,CuPPM\n1,20\n"),
        write("score.py", "print(1)\n"),
        write("limits.json", "{}\n"),
        write("MANIFEST.in", "include limits.json\n"),
    ),
    "requirements-lines": require(REQUIREMENTS),
    "requirements-lines-hashes": require(HASHED),
    "requirements-lines-folder": both(
        require("./mdl\n"),
        write("mdl/setup.py", "from setuptools import setup\n\nsetup()\n"),
        write("MANIFEST.in", "include requirements.txt\ngraft mdl\n"),
    ),
    "requirements-lines-windows": both(
        require("\ufeffnumpy\r\ncubist \\\r\n  ==1.2.2\r\n"),
        write("MANIFEST.in", "\ufeff# uploaded\r\ninclude \\\r\n  requirements.txt\r\n"),
        replace("setup.py", "from setuptools", "\ufefffrom setuptools"),
        replace("train.py", '"""Steps', '\ufeff"""Steps'),
    ),
    "requirements-lines-utf-16": both(
        require(""),
        lambda folder: (folder / "requirements.txt").write_bytes("numpy\r\ncubist==1.2.2\r\n".encode("utf-16")),
    ),
    "requirements-pinned": require('numpy\ncubist==1.2.2\nxgboost-cpu===3.4.1\ntomli; python_version < "3.11"\n'),
    "requirements-uploaded": write(
        "requirements.txt", 'numpy==2.5.1\nscikit-learn\ncubist==1.2.2 ; python_version < "3"\n'
    ),
    "setup-py-find-packages": both(
        replace("setup.py", "import setup", "import find_packages, setup"),
        replace("setup.py", '"train"])', '"train"], packages=find_packages(".", exclude=["tests", "tests.*"]))'),
        write("tests/__init__.py", ""),
    ),
    "setup-py": both(write("setup.py", SETUP), write("README.md", "Mine.\n")),
    "setup-py-list": both(
        write("MANIFEST.in", "include *.json\nrecursive-include settings **/*.json\n"),
        write("settings/deep/a.json", "{}\n"),
    ),
    "shadowed-modules": both(
        *(write(f"{name}.py", "") for name in ("inference", "ridge", "utils")),
        write("test.py", "# not uploaded\n"),
        name_modules("ridge", "utils", "inference"),
    ),
    "target-names": write_train(
        f"TARGETS = {list(TARGETS)}\nWEIGHTS = {dict.fromkeys(reversed(TARGETS), 0.01)}\n"
        'METALS = ["CuPPM", "AuPPM", "AgPPM"]\n'
    ),
    "target-names-split": write_train(f'TARGETS = """\n    {" ".join(TARGETS)}\n""".split()\n'),
    "valid-python": write_train(NEW_SYNTAX),
    "valid-python-defined": both(
        write_train(DEFINED, "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import polars as pl\n"),
        replace("train.py", "import os\n", "from __future__ import annotations\n\nimport os\n"),
    ),
    "valid-python-star": both(
        write_train("ALPHAS = [ALPHA]\n", "from mdl import *\n"), write("mdl.py", "ALPHA = 1.0\n"), name_modules("mdl")
    ),
    "valid-python-made": write_train('globals()["ALPHA"] = 1.0\nALPHAS = [ALPHA]\n'),
    "unknown-arguments": write_train(
        'if __name__ == "__main__":\n    print(argparse.ArgumentParser().parse_known_args())\n',
        "import argparse\n",
    ),
}
