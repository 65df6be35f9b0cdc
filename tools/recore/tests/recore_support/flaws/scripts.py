"""Flaws in train.py, preprocess.py and the modules that they import."""

import textwrap

from benchmarks.mutants.editing import both, insert, replace, require, write
from recore.check.rule import Level
from recore.schema import TARGETS
from recore_support.flaws.flaw import WARNING, Flaw, name_modules, write_train

RUN = 'if __name__ == "__main__":\n'
FIRST, SECOND, *OTHERS = TARGETS


def train_flaw(code: str, text: str, imports: str = "", line: str = "", level: Level = Level.ERROR) -> Flaw:
    """Return a flaw in code at the end of train.py. line: the flawed line, by default the last line of the code."""
    return Flaw(code, "train.py", line or text.splitlines()[-1].strip(), write_train(text, imports), level)


def targets_text(*names: str) -> str:
    return 'TARGETS = """\n' + textwrap.fill(" ".join(names), 100) + '\n""".split()\n'


def default_path_flaw(line: str) -> Flaw:
    """Return a flaw in a preprocess.py that uses pandas: a command-line option with a wrong default."""
    base = (
        'BASE = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml") + "/processing"' if "BASE" in line else "BASE = os.sep"
    )
    text = f"""\
import argparse
import os

import pandas as pd

{base}


def rows_of(path):
    return pd.read_csv(path, index_col=0).iloc[:, 3:6]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    {line}
    arguments, _ = parser.parse_known_args()
    rows_of(arguments.input).to_csv(arguments.output)
"""
    return Flaw("RC122", "preprocess.py", line, write("preprocess.py", text))


SCRIPTS = {
    "arguments": train_flaw(
        "RC125",
        f'{RUN}    parser = argparse.ArgumentParser()\n    parser.add_argument("--epochs", type=int, required=True)\n',
        "import argparse\n",
    ),
    "arguments-default": train_flaw(
        "RC125",
        'def fit(inputs, targets, holes, components="10"):\n    return components\n',
        line='def fit(inputs, targets, holes, components="10"):',
        level=WARNING,
    ),
    "arguments-type": train_flaw(
        "RC125",
        f'{RUN}    parser = argparse.ArgumentParser()\n    parser.add_argument("--alpha", default=0.1)\n',
        "import argparse\n",
        level=WARNING,
    ),
    "arguments-positional": train_flaw(
        "RC125",
        f'{RUN}    parser = argparse.ArgumentParser()\n    parser.add_argument("data")\n',
        "import argparse\n",
    ),
    "arguments-several": train_flaw(
        "RC125",
        f'{RUN}    parser = argparse.ArgumentParser()\n    parser.add_argument("files", nargs="+", default=["x"])\n',
        "import argparse\n",
    ),
    "available-packages-other-case": Flaw(
        "RC108",
        "train.py",
        "import Helpers",
        both(write_train("ALPHA = Helpers.ALPHA\n", "import Helpers\n"), write("helpers.py", "ALPHA = 1.0\n")),
    ),
    "files-not-uploaded-above": train_flaw(
        "RC114", f'{RUN}    data = pd.read_csv("../data/public.csv.gz")\n', "import pandas as pd\n"
    ),
    "files-not-uploaded-above-the-script": train_flaw(
        "RC114",
        f'{RUN}    data = pd.read_csv(Path(__file__).resolve().parent.parent / "data" / "public.csv.gz")\n',
        "from pathlib import Path\nimport pandas as pd\n",
    ),
    "files-not-uploaded-default-above": train_flaw(
        "RC114",
        f'{RUN}    parser = argparse.ArgumentParser()\n    parser.add_argument("--data", default="../data/public")\n',
        "import argparse\n",
        level=WARNING,
    ),
    "files-not-uploaded-by-own-function": train_flaw(
        "RC114",
        'def read(path):\n    return open(path)\n\n\ndef load():\n    return read("../data/public/public.csv.gz")\n',
        level=WARNING,
    ),
    "files-not-uploaded-windows": train_flaw(
        "RC114", f'{RUN}    data = pd.read_csv(r"C:\\Users\\ada\\public.csv.gz")\n', "import pandas as pd\n"
    ),
    "import-side-effects": train_flaw(
        "RC124", 'FOLDER = os.environ["SM_CHANNEL_TRAINING"]\n', line='FOLDER = os.environ["SM_CHANNEL_TRAINING"]'
    ),
    "import-side-effects-fit": train_flaw(
        "RC124",
        "def main():\n    return Ridge().fit([[1.0]], [1.0])\n\n\nmain()\n",
        "from sklearn.linear_model import Ridge\n",
    ),
    "import-side-effects-preprocess": Flaw(
        "RC124",
        "preprocess.py",
        "argparse.ArgumentParser().parse_known_args()",
        both(
            insert("preprocess.py", "import argparse\n", before="import csv"),
            replace("preprocess.py", f"{RUN}    main()", "argparse.ArgumentParser().parse_known_args()"),
        ),
    ),
    "unknown-arguments": train_flaw(
        "RC123",
        f"{RUN}    print(argparse.ArgumentParser().parse_args())\n",
        "import argparse\n",
        level=WARNING,
    ),
    "files-not-uploaded-absolute": train_flaw(
        "RC114", f'{RUN}    data = pd.read_csv("/home/ada/recore/public.csv.gz")\n', "import pandas as pd\n"
    ),
    "available-packages": train_flaw(
        "RC108", "MODEL = lightgbm.LGBMRegressor\n", "import lightgbm\n", line="import lightgbm"
    ),
    "available-packages-of-this-machine": train_flaw(
        "RC108", "MODEL = schema.TARGETS\n", "from recore import schema\n", line="from recore import schema"
    ),
    "available-packages-other-python": Flaw(
        "RC108",
        "train.py",
        "import tomli",
        both(write_train("LOAD = tomli.load\n", "import tomli\n"), require('tomli==2.0.1; python_version < "3.11"\n')),
    ),
    "available-packages-in-a-folder": Flaw(
        "RC108",
        "train.py",
        "import helpers",
        both(write_train("ALPHA = helpers.ALPHA\n", "import helpers\n"), write("src/helpers.py", "ALPHA = 1.0\n")),
    ),
    "files-not-uploaded": Flaw(
        "RC114",
        "train.py",
        'return np.load("weights.npy")',
        both(
            write_train('def predict_fn(inputs, model):\n    return np.load("weights.npy")\n', "import numpy as np\n"),
            write("weights.npy", "not an array"),
        ),
    ),
    "files-not-uploaded-data": train_flaw(
        "RC114",
        f'{RUN}    data = pd.read_csv(os.path.join("data", "public", "public.csv.gz"))\n',
        "import pandas as pd\n",
    ),
    "files-not-uploaded-default": Flaw(
        "RC114",
        "preprocess.py",
        'parser.add_argument("--input", default="data/public/public.csv.gz")',
        both(
            replace("preprocess.py", "import csv\n", "import argparse\nimport csv\n"),
            replace(
                "preprocess.py",
                "def main():\n",
                "def main():\n"
                "    parser = argparse.ArgumentParser()\n"
                '    parser.add_argument("--input", default="data/public/public.csv.gz")\n'
                "    parser.parse_known_args()\n",
            ),
        ),
        WARNING,
    ),
    "files-not-uploaded-preprocess": Flaw(
        "RC114",
        "preprocess.py",
        'with open("limits.json") as file:',
        both(
            replace(
                "preprocess.py",
                "def main():\n",
                'def main():\n    with open("limits.json") as file:\n        print(file.read())\n',
            ),
            write("limits.json", "{}\n"),
            write("MANIFEST.in", "include limits.json\n"),
        ),
    ),
    "default-paths": default_path_flaw(
        'parser.add_argument("--input", default="/opt/ml/processing/input/public.csv.gz")'
    ),
    "default-paths-base": default_path_flaw('parser.add_argument("--output", default=BASE + "/preprocess/public.csv")'),
    "network": train_flaw("RC116", f'{RUN}    os.system("pip install lightgbm")\n'),
    "network-address": train_flaw(
        "RC116", f'{RUN}    data = pd.read_csv("https://example.com/public.csv.gz")\n', "import pandas as pd\n"
    ),
    "preprocess-alone": Flaw(
        "RC109",
        "preprocess.py",
        "from channels import FIRST",
        both(
            insert("preprocess.py", "from channels import FIRST\n", before="HERE ="),
            replace("preprocess.py", "][:3]", "][:FIRST]"),
            write("channels.py", "FIRST = 3\n"),
            name_modules("channels"),
        ),
    ),
    "preprocess-alone-package": Flaw(
        "RC109",
        "preprocess.py",
        "import cubist",
        both(insert("preprocess.py", "import cubist\n", before="HERE ="), require("cubist==1.2.2\n")),
    ),
    "target-names": train_flaw("RC119", targets_text(SECOND, FIRST, *OTHERS), line='TARGETS = """'),
    "target-names-misspelt": train_flaw(
        "RC119",
        f"TARGETS = {['CUPPM' if name == 'CuPPM' else name for name in TARGETS]}\n",
        line="",
    ),
    "valid-python-undefined": train_flaw(
        "RC102",
        "def output_fn(prediction, accept):\n    buffer = io.StringIO()\n    return buffer.getvalue()\n",
        line="buffer = io.StringIO()",
    ),
    "valid-python": train_flaw(
        "RC102", "def fit(inputs, targets, holes)\n    return None\n", line="def fit(inputs, targets, holes)"
    ),
    "valid-python-notebook": train_flaw("RC102", "%matplotlib inline\n"),
    "valid-python-notebook-install": train_flaw("RC102", "def fit():\n    !pip install cubist\n"),
    "valid-python-helper": Flaw(
        "RC102",
        "mdl.py",
        "return 1",
        both(write_train("MODEL = mdl\n", "import mdl\n"), write("mdl.py", "return 1\n"), name_modules("mdl")),
    ),
}
