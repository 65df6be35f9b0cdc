"""Changes that are not mistakes: the same submission written differently, and other submissions that are as good."""

import ast
from pathlib import Path

from benchmarks.mutants.editing import (
    Change,
    both,
    delete,
    insert,
    on_tree,
    rename,
    replace,
    replace_all,
    require,
    wrap_return,
    write,
)

SCRIPTS = ("train.py", "preprocess.py", "linear.py")
PREDICT_HOOK = "def predict_fn(inputs, model):\n    return model.predict(inputs)\n\n\n"
ANSWER = (
    'return "".join(",".join("" if np.isnan(cell) else repr(cell) for cell in row) + "\\n" '
    "for row in prediction.tolist())"
)
NUMPY_ANSWER = (
    'text = io.StringIO()\n    np.savetxt(text, prediction, fmt="%.17g", delimiter=",")\n    return text.getvalue()'
)
SEEDED_ROWS = (
    "rows = np.random.default_rng(0).integers(len(inputs), size=len(inputs))\n"
    "    return Linear().fit(inputs[rows], targets[rows])"
)
FILLED = "np.where(np.isnan(targets), np.nanmean(targets, axis=0), targets)"
LINEAR = "from linear import Linear\n"
PIPELINE = "from sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import StandardScaler\n"
FIT = "return Linear().fit(inputs, targets)"


def _reverse_functions(tree: ast.Module) -> bool:
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    places = [tree.body.index(node) for node in functions]
    for place, node in zip(places, reversed(functions), strict=True):
        tree.body[place] = node
    return len(functions) > 1


def _add_docstrings(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.body.insert(0, ast.Expr(ast.Constant("What it does, and why; open('data/x') is no call.")))
    return True


def _annotate(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for parameter in node.args.args:
                parameter.annotation = ast.Constant("object")
    return True


def _move_imports_into_functions(tree: ast.Module) -> bool:
    """Move `import pickle` to where it is used, which the file reader csv also allows."""
    moved = [node for node in tree.body if isinstance(node, ast.Import) and node.names[0].name in ("pickle", "csv")]
    for node in moved:
        tree.body.remove(node)
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        function.body[:0] = moved
    return bool(moved)


def _to_windows_lines(folder: Path) -> None:
    for path in folder.glob("*.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def _to_package(folder: Path) -> None:
    (folder / "models").mkdir()
    (folder / "models/__init__.py").touch()
    (folder / "linear.py").rename(folder / "models/linear.py")
    replace("train.py", "from linear import", "from models.linear import")(folder)
    replace("setup.py", ', "linear"]', '], packages=["models"]')(folder)


SPLIT = both(
    write(
        "design.py",
        "import numpy as np\n\n\ndef join(inputs):\n    return np.column_stack([np.ones(len(inputs)), inputs])\n",
    ),
    replace(
        "linear.py",
        "np.column_stack([np.ones(len(inputs)), (inputs - self.mean) / self.scale])",
        "join((inputs - self.mean) / self.scale)",
    ),
    replace("linear.py", "import numpy as np\n", "import numpy as np\n\nfrom design import join\n"),
    replace("setup.py", '"linear"', '"linear", "design"'),
)
MODEL_FN = (
    "def model_fn(model_dir):\n"
    '    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:\n'
    "        return pickle.load(file)\n"
)
HOOKS_ELSEWHERE = both(
    insert("train.py", "from reading import model_fn\n", "from linear"),
    replace(
        "train.py",
        f"{MODEL_FN}\n\n",
        "",
    ),
    write(
        "reading.py",
        f"import os\nimport pickle\n\n\n{MODEL_FN}",
    ),
    replace("setup.py", '"linear"', '"linear", "reading"'),
)

EQUIVALENT: dict[str, Change] = {
    **{f"{file} is written without comments": on_tree(file, lambda tree: True) for file in SCRIPTS},
    **{f"{file} has docstrings": on_tree(file, _add_docstrings) for file in SCRIPTS},
    **{f"{file} has annotations": on_tree(file, _annotate) for file in SCRIPTS},
    **{f"{file} has its functions in another order": on_tree(file, _reverse_functions) for file in SCRIPTS[:2]},
    **{f"{file} has a comment in front": insert(file, "# by hand\n", '"""') for file in SCRIPTS},
    "a local variable is renamed": rename("lines", "records"),
    "a constant is renamed": rename("BINS", "NUMBER_OF_BINS"),
    "a class is renamed": rename("Linear", "LeastSquares"),
    "a parameter of a hook is renamed": rename("input_data", "body"),
    "imports are in functions": on_tree("train.py", _move_imports_into_functions),
    "lines end as on Windows": _to_windows_lines,
    "a limit is an equal expression": replace(
        "linear.py", "np.clip(raw, self.low, self.high)", "np.minimum(np.maximum(raw, self.low), self.high)"
    ),
    "a module is split in two": SPLIT,
    "a module is in a package": _to_package,
    "a hook is in a module of its own": HOOKS_ELSEWHERE,
    "predict_fn is the container's": both(replace("train.py", PREDICT_HOOK, ""), delete("predict.py")),
    "predict.py is not there": delete("predict.py"),
    "joblib reads and writes the model": both(
        replace("train.py", "pickle.dump(", "joblib.dump("),
        replace("train.py", "pickle.load(", "joblib.load("),
        replace("train.py", "import pickle\n", "import joblib\n"),
    ),
    "the model has another name everywhere": replace_all("train.py", "model.pkl", "linear.pkl"),
    "pathlib makes the paths": both(
        replace(
            "train.py", 'open(os.path.join(model_dir, "model.pkl"), "wb")', '(Path(model_dir) / "model.pkl").open("wb")'
        ),
        replace("train.py", "import pickle\n", "import pickle\nfrom pathlib import Path\n"),
    ),
    "pandas reads the data": both(
        replace(
            "preprocess.py",
            "        rows = list(csv.DictReader(file))",
            "        table = pd.read_csv(file, index_col=0)",
        ),
        replace("preprocess.py", "for name in rows[0] if", "for name in table.columns if"),
        replace(
            "preprocess.py",
            "np.array([[float(row[name]) for name in channels] for row in rows])",
            "table[channels].to_numpy(float)",
        ),
        replace("preprocess.py", '[row[""] for row in rows]', "[str(name) for name in table.index]"),
        replace("preprocess.py", "import numpy as np\n", "import numpy as np\nimport pandas as pd\n"),
    ),
    "csv.writer writes the inputs": replace(
        "preprocess.py",
        'file.write(",".join([name, *map(repr, row)]) + "\\n")',
        "csv.writer(file).writerow([name, *row])",
    ),
    "numpy writes the response": both(
        replace("train.py", ANSWER, NUMPY_ANSWER), replace("train.py", "import gzip\n", "import gzip\nimport io\n")
    ),
    "the response has a name": wrap_return("train.py", "output_fn", "value"),
    "arguments with defaults are read": both(
        replace("train.py", "import csv\n", "import argparse\nimport csv\n"),
        replace(
            "train.py",
            "def main():\n",
            "def main():\n    parser = argparse.ArgumentParser()\n"
            '    parser.add_argument("--alpha", type=float, default=1.0)\n    parser.parse_known_args()\n',
        ),
    ),
    "train.py prints more": replace(
        "train.py", "    save_model(fit(", '    print("rows:", len(rows), flush=True)\n    save_model(fit('
    ),
    "train.py logs to /tmp": replace(
        "train.py",
        "    save_model(fit(",
        '    with open("/tmp/train.log", "w") as log:\n        log.write("fitting")\n    save_model(fit(',
    ),
    "train.py has assertions": replace(
        "train.py", "    save_model(fit(", "    assert len(inputs) == len(rows)\n    save_model(fit("
    ),
    "train.py ends with sys.exit(0)": both(
        replace("train.py", "    main()\n", "    sys.exit(main())\n"),
        replace("train.py", "import pickle\n", "import pickle\nimport sys\n"),
    ),
    "a notebook's script is beside it": write(
        "explore.py", "import matplotlib.pyplot\n\nmatplotlib.pyplot.plot([1])\nopen('data/x.csv')\n"
    ),
    "a README is beside it": write("README.md", "# Mine\n"),
    "tests are beside it": write(
        "tests/test_train.py", "import pytest\nimport train\n\n\ndef test():\n    assert train\n"
    ),
    "license and version are named": replace("setup.py", 'version="1"', 'version="1.2", author="Ada", license="MIT"'),
    "requirements.txt has a comment": require("# as in the container\nnumpy==2.5.1  # pinned\n"),
    "a random state is seeded": replace(
        "train.py",
        "return Linear().fit(inputs, targets)",
        "np.random.default_rng(0).random()\n    return Linear().fit(inputs, targets)",
    ),
}

# A different model or different inputs: scores change as they should.
OTHER: dict[str, Change] = {
    "another regularisation strength": replace("linear.py", "1e-3 *", "1.0 *"),
    "other bins": replace("preprocess.py", "BINS = 12", "BINS = 10"),
    "other digits": replace("preprocess.py", "np.column_stack(bins), 6)", "np.column_stack(bins), 4)"),
    "normalised rows": replace(
        "preprocess.py",
        "    bins = [part",
        "    spectra = spectra / spectra.max(axis=1, keepdims=True)\n    bins = [part",
    ),
    "derivatives along the spectrum": replace(
        "preprocess.py", "    bins = [part", "    spectra = np.gradient(spectra, axis=1)\n    bins = [part"
    ),
    "the logarithm of the assays, and back": both(
        replace(
            "linear.py",
            "for number, target in enumerate(targets.T):",
            "for number, target in enumerate(np.log1p(targets).T):",
        ),
        replace(
            "linear.py",
            "return np.clip(raw, self.low, self.high)",
            "return np.expm1(np.clip(raw, self.low, self.high))",
        ),
    ),
    "a bagging of rows with a seed": replace("train.py", FIT, SEEDED_ROWS),
    "nearest neighbours": both(
        replace(
            "train.py",
            FIT,
            f"return make_pipeline(StandardScaler(), KNeighborsRegressor(5)).fit(inputs, {FILLED})",
        ),
        replace("train.py", LINEAR, f"from sklearn.neighbors import KNeighborsRegressor\n{PIPELINE}"),
    ),
    "a forest with a seed": both(
        replace(
            "train.py",
            FIT,
            f"return RandomForestRegressor(20, min_samples_leaf=5, random_state=0).fit(inputs, {FILLED})",
        ),
        replace("train.py", LINEAR, "from sklearn.ensemble import RandomForestRegressor\n"),
    ),
    "principal components in the model": both(
        replace(
            "train.py",
            FIT,
            f"return make_pipeline(StandardScaler(), PCA(5), Ridge(1.0)).fit(inputs, {FILLED})",
        ),
        replace("train.py", "return model.predict(inputs)", "return np.maximum(model.predict(inputs), 0.0)"),
        replace(
            "train.py",
            LINEAR,
            f"from sklearn.decomposition import PCA\nfrom sklearn.linear_model import Ridge\n{PIPELINE}",
        ),
    ),
}
