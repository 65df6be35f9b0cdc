"""Flaws in train.py, preprocess.py and the modules that they import."""

import textwrap

from benchmarks.mutants.editing import both, insert, replace, require, write
from recore.check.rule import Level
from recore.schema import TARGETS
from recore_support.flaws.flaw import INPUT_FN, WARNING, Flaw, name_modules, write_train

FROM_FITTING = "from challenge.fitting import main\n"
FITTING = "def hyperparameters(fit):\n    return {}\n\n\ndef main(train):\n    return hyperparameters(train.fit)\n"
WORK = "def main():\n    print(os.getcwd(), pickle.HIGHEST_PROTOCOL)\n\n\n"
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
    "absolute-paths": train_flaw(
        "RC113", f'{RUN}    data = pd.read_csv("/home/ada/recore/public.csv.gz")\n', "import pandas as pd\n"
    ),
    "absolute-paths-constant": train_flaw(
        "RC113", 'DATA = Path("C:/Users/ada/public.csv.gz")\n', "from pathlib import Path\n", level=WARNING
    ),
    "available-packages": train_flaw(
        "RC108", "MODEL = lightgbm.LGBMRegressor\n", "import lightgbm\n", line="import lightgbm"
    ),
    "available-packages-of-this-machine": train_flaw(
        "RC108", "MODEL = schema.TARGETS\n", "from recore import schema\n", line="from recore import schema"
    ),
    "available-packages-of-this-machine-required": Flaw(
        "RC108",
        "train.py",
        "import stagemaker",
        both(write_train("", "import stagemaker\n"), require("stagemaker==1.0")),
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
    "fit-parameters": Flaw(
        "RC105",
        "train.py",
        "def fit(inputs, targets, components=9):",
        both(
            write_train("def fit(inputs, targets, components=9):\n    return main\n", FROM_FITTING),
            write("challenge/fitting.py", FITTING),
            name_modules("challenge.fitting"),
        ),
    ),
    "fit-parameters-default": Flaw(
        "RC105",
        "train.py",
        "def fit(inputs, targets, holes, components):",
        both(
            write_train("def fit(inputs, targets, holes, components):\n    return main\n", FROM_FITTING),
            write("challenge/fitting.py", FITTING),
            name_modules("challenge.fitting"),
        ),
    ),
    "hook-parameters": Flaw(
        "RC104",
        "train.py",
        "def input_fn(input_data):",
        replace("train.py", "def input_fn(input_data, content_type):", "def input_fn(input_data):"),
    ),
    "hooks": Flaw("RC103", "train.py", "", replace("train.py", "def model_fn(", "def load_model(")),
    "hooks-both": train_flaw(
        "RC103",
        "def transform_fn(model, input_data, content_type, accept):\n    return input_data\n",
        line="def transform_fn(model, input_data, content_type, accept):",
    ),
    "hooks-misspelt": train_flaw(
        "RC103",
        "def predict_func(inputs, model):\n    return model.predict(inputs)\n",
        line="def predict_func(inputs, model):",
        level=WARNING,
    ),
    "hooks-no-input": Flaw("RC103", "train.py", "", both(write_train(""), replace("train.py", INPUT_FN, ""))),
    "imported-names": Flaw(
        "RC107",
        "train.py",
        "from mdl import RidgeCV",
        both(
            write_train("MODEL = RidgeCV\n", "from mdl import RidgeCV\n"),
            write("mdl.py", "class Ridge:\n    alpha = 1.0\n"),
            name_modules("mdl"),
        ),
    ),
    "imported-names-attribute": Flaw(
        "RC107",
        "train.py",
        "ALPHA = mdl.ALPHAS",
        both(
            write_train("ALPHA = mdl.ALPHAS\n", "import mdl\n"), write("mdl.py", "ALPHA = 1.0\n"), name_modules("mdl")
        ),
    ),
    "library-names": train_flaw(
        "RC121",
        "def predict_fn(inputs, model):\n    return np.asarray(inputs, dtype=np.float_)\n",
        "import numpy as np\n",
    ),
    "library-names-import": train_flaw(
        "RC121",
        "LOAD = joblib.load\n",
        "from sklearn.externals import joblib\n",
        line="from sklearn.externals import joblib",
    ),
    "lost-files": train_flaw("RC115", f'{RUN}    joblib.dump({{}}, "model.pkl")\n', "import joblib\n", level=WARNING),
    "lost-files-beside": train_flaw(
        "RC115",
        f'{RUN}    (Path(__file__).parent / "log.txt").write_text("trained")\n',
        "from pathlib import Path\n",
        level=WARNING,
    ),
    "network": train_flaw("RC116", f'{RUN}    os.system("pip install lightgbm")\n'),
    "network-address": train_flaw(
        "RC116", f'{RUN}    data = pd.read_csv("https://example.com/public.csv.gz")\n', "import pandas as pd\n"
    ),
    "network-client": train_flaw(
        "RC116", "SESSION = requests.Session\n", "import requests\n", line="import requests", level=WARNING
    ),
    "pickled-from-main": train_flaw(
        "RC117",
        "class Mean(RegressorMixin, BaseEstimator):\n"
        "    def fit(self, inputs, targets):\n"
        "        self.mean_ = targets.mean(axis=0)\n"
        "        return self\n\n\n"
        f"{RUN}"
        '    with open(os.path.join(os.environ["SM_MODEL_DIR"], "model.pkl"), "wb") as file:\n'
        "        pickle.dump(Mean(), file)\n",
        "from sklearn.base import BaseEstimator, RegressorMixin\n",
        line="class Mean(RegressorMixin, BaseEstimator):",
        level=WARNING,
    ),
    "pickled-from-main-function": train_flaw(
        "RC117",
        "def positive(inputs):\n    return abs(inputs)\n\n\n"
        "def make_model():\n    return FunctionTransformer(positive)\n",
        "from sklearn.preprocessing import FunctionTransformer\n",
        line="def positive(inputs):",
        level=WARNING,
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
    "request-types": Flaw(
        "RC118",
        "train.py",
        "return pd.read_csv(io.BytesIO(input_data), index_col=0)",
        both(
            write_train("", "import io\n\nimport pandas as pd\n"),
            replace(
                "train.py",
                "return input_data.splitlines()[1:]",
                "return pd.read_csv(io.BytesIO(input_data), index_col=0)",
            ),
        ),
    ),
    "request-types-charset": Flaw(
        "RC118",
        "train.py",
        'if content_type != "text/csv":',
        insert(
            "train.py",
            '    if content_type != "text/csv":\n        raise ValueError(content_type)\n',
            before="    return input_data",
        ),
        WARNING,
    ),
    "rows-together": Flaw(
        "RC120",
        "preprocess.py",
        "return StandardScaler().fit_transform(rows)",
        both(
            insert("preprocess.py", "from sklearn.preprocessing import StandardScaler\n", before="HERE ="),
            insert(
                "preprocess.py",
                "def scaled(rows):\n    return StandardScaler().fit_transform(rows)\n",
                before="def main(",
            ),
        ),
        WARNING,
    ),
    "target-names": train_flaw("RC119", targets_text(SECOND, FIRST, *OTHERS), line='TARGETS = """'),
    "target-names-misspelt": train_flaw(
        "RC119",
        f"TARGETS = {['CUPPM' if name == 'CuPPM' else name for name in TARGETS]}\n",
        line="",
    ),
    "undefined-names": train_flaw(
        "RC106",
        "def output_fn(prediction, accept):\n    buffer = io.StringIO()\n    return buffer.getvalue()\n",
        line="buffer = io.StringIO()",
    ),
    "unknown-arguments": train_flaw(
        "RC112",
        f"{RUN}"
        "    parser = argparse.ArgumentParser()\n"
        '    parser.add_argument("--alpha", type=float, default=1.0)\n'
        "    arguments = parser.parse_args()\n",
        "import argparse\n",
    ),
    "unknown-arguments-required": train_flaw(
        "RC112",
        f"{RUN}"
        "    parser = argparse.ArgumentParser()\n"
        '    parser.add_argument("--alpha", type=float, required=True)\n'
        "    arguments, unknown = parser.parse_known_args()\n",
        "import argparse\n",
        line='parser.add_argument("--alpha", type=float, required=True)',
    ),
    "valid-python": train_flaw(
        "RC102", "def fit(inputs, targets, holes)\n    return None\n", line="def fit(inputs, targets, holes)"
    ),
    "valid-python-helper": Flaw(
        "RC102",
        "mdl.py",
        "return 1",
        both(write_train("MODEL = mdl\n", "import mdl\n"), write("mdl.py", "return 1\n"), name_modules("mdl")),
    ),
    "work-at-import": train_flaw("RC111", f"{WORK}main()\n"),
    "work-at-import-arguments": train_flaw(
        "RC111", "parser = argparse.ArgumentParser()\narguments = parser.parse_args()\n", "import argparse\n"
    ),
    "work-at-import-exit": train_flaw("RC111", f"{WORK}sys.exit(0)\n", "import sys\n"),
    "work-at-import-variable": train_flaw("RC111", 'DATA = os.environ["SM_CHANNEL_TRAINING"]\n'),
}
