"""The table of edited submissions, each with the rule of `recore check` that must find the edit, if any.

Cases for rules that run the submission are edits to submissions/sound.
"""

from pathlib import Path

from recore.check.rule import Level
from recore_support.broken_sources import FLAWS, VARIANTS
from recore_support.edited_submissions import Case, Change, chain, delete, insert, replace, write

WARNING = Level.WARNING
FIT = "return Linear().fit(inputs, targets)"
PREDICT = "return model.predict(inputs)"
LIMIT = "return np.clip(raw, self.low, self.high)"
CSV_ROW = '",".join("" if np.isnan(cell) else repr(cell) for cell in row)'
RETURN_ROWS = f'return "".join({CSV_ROW} + "\\n" for row in prediction.tolist())'
WRITE_ROW = "[name, *map(repr, row)]"
SAVE_CALL = 'save_model(fit(inputs, targets), os.environ.get("SM_MODEL_DIR", "/opt/ml/model"))'
LAST_LINE = '    print("train: a model of", len(rows), "rows")\n'
LINES = 'for line in content.splitlines() if not line.startswith("index,")'
PREDICT_FN = f"def predict_fn(inputs, model):\n    {PREDICT}\n\n\n"
# the audit hook removes its folder from os.environ, but cannot remove it from the initial environment in /proc
IS_SEEN = '"PYTHONPATH=" + os.environ.get("PYTHONPATH", "") not in open("/proc/self/environ").read()'


def flaw(message: str, *changes: Change, level: Level = Level.ERROR, file: str = "") -> Case:
    """Return a flaw found by running the submission. message, file: part of the finding's message, and its file."""
    return Case(chain(*changes), file, level=level, message=message, runs=True)


def warning(message: str, *changes: Change, file: str = "") -> Case:
    return flaw(message, *changes, level=WARNING, file=file)


def train(*replacements: str) -> Change:
    return replace("train.py", *replacements)


def add_import(name: str) -> Change:
    return train("import numpy as np\n", f"import numpy as np\nimport {name}\n")


def fit_with(*lines: str) -> Change:
    """Return a change that replaces the body of fit(), which then returns the last line's value."""
    return train(FIT, "\n    ".join([*lines[:-1], f"return {lines[-1]}"]))


def predict_with(*lines: str) -> Change:
    return train(PREDICT, "\n    ".join([*lines[:-1], f"return {lines[-1]}"]))


def add_at_end(*lines: str) -> Change:
    """Return a change that inserts lines before the last line of train.py's main()."""
    return train(LAST_LINE, "".join(f"    {line}\n" for line in lines) + LAST_LINE)


def start_with(*lines: str) -> Change:
    return train("def main():\n", "def main():\n" + "".join(f"    {line}\n" for line in lines))


def edit_rows(*lines: str) -> Change:
    """Return a change that inserts lines after preprocess.py has read the rows."""
    return insert("preprocess.py", "".join(f"    {line}\n" for line in lines), before="    channels =")


def edit_bins(*lines: str) -> Change:
    """Return a change that inserts lines before preprocess.py returns the bins."""
    return insert("preprocess.py", "".join(f"    {line}\n" for line in lines), before="    return [")


def save_held_out(rows: str) -> Change:
    """Return a change that saves held-out predictions. rows: an expression for each row's predicted assays."""
    return train(
        SAVE_CALL,
        'model_dir = os.environ.get("SM_MODEL_DIR", "/opt/ml/model")\n'
        "    model = fit(inputs, targets)\n"
        "    save_model(model, model_dir)\n"
        '    with open(model_dir + "/held_out.csv", "w", newline="") as file:\n'
        '        table = csv.writer(file, lineterminator="\\n")\n'
        '        table.writerow(["index", *TARGETS])\n'
        f'        table.writerows([row[""], *cells] for row, cells in zip(rows, {rows}, strict=True))',
    )


HOLE_AS_INPUTS = chain(  # one input column for each drill hole in the file
    edit_bins(
        'holes = sorted({row["SiteID"] for row in rows})',
        'bins += [np.array([float(row["SiteID"] == hole) for row in rows]) for hole in holes]',
    ),
    replace("preprocess.py", "for i in range(BINS)", "for i in range(inputs.shape[1])"),
    train("if len(line) != BINS + 1", "if len(line) != len(lines[0])"),
)
UNVERIFIED = save_held_out("model.predict(np.array(inputs))")  # these rows are not held out
OWN_CLASS = chain(
    insert("train.py", "class Limited(Linear):\n    pass\n", before="def fit("),
    fit_with("Limited().fit(inputs, targets)"),
)
COMMAND = "class Command:\n    def __reduce__(self):\n        return os.getcwd, ()\n"

BROKEN = {
    "RC251": flaw(
        "also contains NOTES.txt",
        replace("setup.py", ", license_files=[]", ""),
        write("setup.cfg", "[metadata]\nlicense_files = NOTES.txt\n", "NOTES.txt", "Notes.\n"),
    ),
    "RC251 setup fails": flaw(
        "setup.py: run me at home",
        replace("setup.py", "\nsetup(", '\nraise SystemExit("setup.py: run me at home")\nsetup('),
    ),
    "RC301 requirements invalid": flaw("'numpy=2.5.1'", replace("requirements.txt", "==", "=")),
    "RC301 version missing": flaw("tabulate==0.9.99", replace("requirements.txt", "numpy==2.5.1", "tabulate==0.9.99")),
    "RC301 helper not packed": flaw(
        "No module named 'helpers'",
        write("helpers.py", "import math\n\nfinite = math.isfinite\n"),
        train("from linear", "from helpers import finite\nfrom linear"),
        train("repr(cell) for", 'repr(cell) if finite(cell) else "" for'),
    ),
    "RC301 ends early": flaw(
        "wrote no file", add_import("sys"), train("    targets = np.array", "    sys.exit(0)\n    targets = np.array")
    ),
    "RC302": flaw(
        "these are not my data",
        train("    targets =", '    assert len(rows) == 84, "these are not my data"\n    targets ='),
    ),
    "RC303": flaw(
        "predict differently",
        fit_with(
            "noise = np.random.default_rng().normal(scale=0.01, size=inputs.shape)",
            "Linear().fit(inputs + noise, targets)",
        ),
    ),
    "RC304": warning(
        "minutes for 1344 rows",
        add_import("time"),
        train(FIT, f"while time.process_time() < len(inputs) * 1.6:\n        pass\n    {FIT}"),
    ),
    "RC305": flaw(
        "% for 1344 rows",
        add_import("time"),
        fit_with(
            'copies = b"x" * len(inputs) * 40_000_000',
            "time.sleep(2)",
            "Linear().fit(inputs, targets if copies is not None else None)",
        ),
    ),
    "RC401": flaw("__main__.Limited", OWN_CLASS),
    "RC402": flaw(
        "the module made_here",
        fit_with(
            "import sys",
            "import tempfile",
            "sys.path.append(tempfile.mkdtemp())",
            'with open(sys.path[-1] + "/made_here.py", "w") as file:',
            '    file.write("from linear import Linear\\n\\n\\nclass Made(Linear):\\n    pass\\n")',
            "from made_here import Made",
            "Made().fit(inputs, targets)",
        ),
    ),
    "RC403": warning(
        "contains code (cloudpickle)",
        OWN_CLASS,
        add_import("cloudpickle"),
        train("pickle.dump(model, file)", "cloudpickle.dump(model, file)"),
    ),
    "RC404": flaw(
        "posix.getcwd",
        insert("train.py", COMMAND, before="def fit("),
        fit_with("model = Linear().fit(inputs, targets)", "model.place = Command()", "model"),
    ),
    "RC405 other model file": flaw("model.pickle", train('"model.pkl"), "rb"', '"model.pickle"), "rb"')),
    "RC405 no main guard": flaw("public.csv.gz", train('\nif __name__ == "__main__":\n    main()', "\nmain()")),
    "RC501": flaw("No module named 'linear'", insert("preprocess.py", "from linear import Linear\n", "BASE")),
    "RC502 rows sorted without assays": flaw(
        "24 rows of the data, without assays and in reverse order",
        edit_rows('if "CuPPM" not in rows[0]:', '    rows.sort(key=lambda row: int(row[""]))'),
    ),
    "RC503 knows the holes": flaw(
        "drill holes that are not in the public file: KeyError: ",
        edit_rows("known = {str(number): number for number in range(16)}", '[known[row["SiteID"]] for row in rows]'),
    ),
    "RC503 needs assays": flaw("KeyError: 'CuPPM'", edit_rows('assert all(row["CuPPM"] is not None for row in rows)')),
    "RC504": flaw("bin_11", edit_bins('bins[-1] = np.array([float(row.get("CuPPM") or 0) for row in rows])')),
    "RC505": warning(
        "only 24 of the file's rows",
        insert("preprocess.py", "    spectra = spectra - spectra.mean(axis=0)\n", before="    bins ="),
    ),
    "RC506": warning(
        "110 MB for 1344 rows", replace("preprocess.py", WRITE_ROW, '[name, *(f"{cell:.6800f}" for cell in row)]')
    ),
    "RC507": warning(
        "the depth (DepthFrom or DepthTo) is among the inputs, as 'bin_11'",
        edit_bins('bins[-1] = np.array([(float(row["DepthFrom"]) + float(row["DepthTo"])) / 2 for row in rows])'),
    ),
    "RC509 repeated name": warning("same name: bin_0, bin_2", replace("preprocess.py", "{i}", "{i // 2 * 2 % 4}")),
    "RC601 hole as inputs": flaw("(24,22) (23,). Their inputs differ: the CSV lacks bin_22", HOLE_AS_INPUTS),
    "RC601 index as input": flaw("(84,13)", train("for cell in line[1:]]", "for cell in line]")),
    "RC602 header": flaw(
        "'AgPPM' is not a number",
        train(RETURN_ROWS, RETURN_ROWS.replace("return ", 'return ",".join(TARGETS) + "\\n" + ')),
    ),
    "RC603": flaw(
        "CuPPM, fits FePCT",
        predict_with("predicted = model.predict(inputs)", "predicted[:, [7, 8]] = predicted[:, [8, 7]]", "predicted"),
    ),
    "RC604 constant": warning(
        "the same for all rows", replace("linear.py", LIMIT, "raw[:] = (self.low + self.high) / 2\n        return raw")
    ),
    "RC605 late": warning(
        "of 24 rows takes longer than the 60 s",
        add_import("time"),
        predict_with("time.sleep(8 * (len(inputs) < 84))", "model.predict(inputs)"),
    ),
    "RC605 first line dropped": warning("two batches of lines", train(LINES, "for line in content.splitlines()[1:]")),
    "RC605 request's mean": flaw(
        "if only some of the rows are sent", predict_with("model.predict(inputs - inputs.mean(axis=0) + model.mean)")
    ),
    "RC605 counts requests": flaw(
        "the same request is repeated",
        insert("train.py", "counted = []\n", before="def predict_fn("),
        predict_with("counted.append(1)", "model.predict(inputs) * (1 + 0.01 * len(counted))"),
    ),
    "RC605 cached": flaw(
        "an earlier request again",
        insert("train.py", "cached = {}\n", before="def predict_fn("),
        predict_with("cached.setdefault(len(inputs), model.predict(inputs))"),
    ),
    "RC606": warning(
        "charset=utf-8", train('content_type.split(";")[0].strip().lower() != "text/csv"', 'content_type != "text/csv"')
    ),
    "RC609 clips": flaw(
        "make different predictions",
        replace("predict.py", "predict_fn(inputs, model)", "predict_fn(inputs, model) * 0.9"),
    ),
    "RC609 fails once": warning(
        "fails intermittently (in 1 of 4 runs): OSError: busy",
        insert(
            "predict.py",
            "if not os.path.exists('seen'):\n    open('seen', 'w').close()\n    raise OSError('busy')\n",
            before="if __name__",
        ),
    ),
    "RC609 fails": warning(
        "cannot import name 'TARGETS'",
        replace("predict.py", "from preprocess import", "from preprocess import TARGETS,"),
    ),
    "RC610": warning(
        "The hooks print 8 lines for 8 requests: 'predicting'",
        predict_with("print('predicting')", "model.predict(inputs)"),
    ),
    "RC701": flaw("held-out drill holes", save_held_out("targets[::-1]"), level=Level.NOTE),  # the data file is small
    "RC702": warning(
        "worse than the mean of each assay", fit_with("Linear().fit(np.roll(inputs, 44, axis=0), targets)")
    ),
    "RC702 units": flaw("are the predictions in the targets' units", predict_with("model.predict(inputs) * 37 + 1000")),
    "RC703": warning("the unverified held-out predictions score", UNVERIFIED),
    "RC703 hole as inputs": flaw("fails to predict them: ValueError", HOLE_AS_INPUTS, UNVERIFIED),
    "RC801": flaw(
        "example.org",
        add_at_end(
            "import urllib.request",
            "try:",
            '    urllib.request.urlopen("http://example.org/telemetry", data=b"hello", timeout=1)',
            "except OSError:",
            "    pass",
        ),
        file="train.py",
    ),
    "RC802": flaw(
        "/etc/passwd", edit_bins('with open("/etc/passwd") as file:', "    file.read()"), file="preprocess.py"
    ),
    "RC803": warning("os.system true", predict_with('os.system("true")', "model.predict(inputs)"), file="train.py"),
    "RC804 kills parent": flaw("could not be observed", add_at_end(f"if {IS_SEEN}:", "    os.kill(os.getppid(), 9)")),
    "RC804 fails observed": warning("train fails only while it is observed", start_with(f"assert not {IS_SEEN}")),
    "RC804 forks": flaw(
        "more processes",
        add_import("time"),
        start_with("while True:", "    if os.fork() == 0:", "        time.sleep(600)"),
    ),
    "RC804 fills the disk": flaw(
        "No space left on device",
        add_at_end('os.truncate(os.open(os.environ["SM_MODEL_DIR"] + "/m", os.O_CREAT | os.O_WRONLY), 1 << 40)'),
    ),
    "RC804 never ends": flaw(
        "exceeded its time limit", add_import("time"), start_with("while True:", "    time.sleep(600)")
    ),
    "RC805": warning(
        "libc.so.6", add_import("ctypes"), train(FIT, f'ctypes.CDLL("libc.so.6").getpid()\n    {FIT}'), file="train.py"
    ),
}

RENAMED_HOOKS = train(  # transform_fn replaces the other three hooks
    *("def input_fn(", "def read(", "def predict_fn(", "def apply("),
    "def output_fn(",
    "def transform_fn(model, data, content_type, accept):\n"
    "    return write(apply(read(data, content_type), model), accept)\n\n\ndef write(",
)
MODEL_FN = """\
def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return joblib.load(file)
"""
FOREST = """\
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
"""


def make_package(folder: Path) -> None:
    (folder / "models").mkdir()
    (folder / "models/__init__.py").touch()
    (folder / "linear.py").rename(folder / "models/linear.py")
    replace("setup.py", ', "linear"]', '], packages=["models"]')(folder)


def use_crlf(folder: Path) -> None:
    for path in folder.glob("*.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


# The same submission written differently, or a different good one. Source rules find nothing in any of them; rules that
# run the submission find nothing in the first three.
SOUND_CHANGES = {
    "transform_fn": chain(RENAMED_HOOKS, delete("predict.py")),
    "default predict_fn, package": chain(
        train(PREDICT_FN, "", "from linear import", "from models.linear import"), make_package, delete("predict.py")
    ),
    "pandas, bagging": chain(
        replace("preprocess.py", "import numpy as np\n", "import numpy as np\nimport pandas as pd\n"),
        replace("preprocess.py", "rows = list(csv.DictReader(file))", "table = pd.read_csv(file, index_col=0)"),
        replace("preprocess.py", "for name in rows[0] if", "for name in table.columns if"),
        replace(
            "preprocess.py",
            "np.array([[float(row[name]) for name in channels] for row in rows])",
            "table[channels].to_numpy(float)",
        ),
        replace("preprocess.py", '[row[""] for row in rows]', "[str(name) for name in table.index]"),
        fit_with(
            "rows = np.random.default_rng(0).integers(len(inputs), size=len(inputs))",
            "Linear().fit(inputs[rows], targets[rows])",
        ),
    ),
    "hooks elsewhere, arguments, log": chain(
        train(MODEL_FN.replace("joblib", "pickle") + "\n\n", "", "import csv\n", "import argparse\nimport csv\n"),
        train("from linear import Linear\n", "from linear import Linear\nfrom reading import model_fn\n"),
        train("import pickle\n", "import pickle\nimport sys\n", "    main()\n", "    sys.exit(main())\n"),
        write("reading.py", f"import os\n\nimport joblib\n\n\n{MODEL_FN}"),
        replace("setup.py", '"linear"', '"linear", "reading"', 'version="1"', 'version="1", author="A", license="MIT"'),
        start_with(
            "parser = argparse.ArgumentParser()",
            'parser.add_argument("--alpha", type=float, default=1.0)',
            "parser.parse_known_args()",
        ),
        add_at_end('with open("/tmp/train.log", "w") as log:', '    log.write("fitting")'),
        replace("requirements.txt", "numpy==2.5.1", "# as in the container\nnumpy==2.5.1  # pinned"),
    ),
    "forest, files beside it": chain(
        train("from linear import Linear\n", FOREST, "import csv\n", "import csv\nimport io\n"),
        train("import pickle\n", "import pickle\nfrom pathlib import Path\n", PREDICT, "return np.array(0)"),
        train('open(os.path.join(model_dir, "model.pkl"), "wb")', '(Path(model_dir) / "model.pkl").open("wb")'),
        train(RETURN_ROWS, "text = io.StringIO()\n    np.savetxt(text, prediction)\n    return text.getvalue()"),
        fit_with("make_pipeline(PCA(5), RandomForestRegressor(20), KNeighborsRegressor(5)).fit(inputs, targets)"),
        write("README.md", "# Mine\n", "tests/test_train.py", "import pytest\nimport train\n"),
        write("explore.py", "import matplotlib.pyplot\n\nmatplotlib.pyplot.plot([1])\nopen('data/x.csv')\n"),
        use_crlf,
    ),
    "imports and docstrings in functions": chain(
        train("import pickle\n", "", "        pickle.dump(", "        import pickle\n\n        pickle.dump("),
        train("        return pickle", "        import pickle\n\n        return pickle"),
        start_with('"""What it does, and why; open(\'data/x\') is no call."""'),
    ),
}

CASES = (
    FLAWS
    | {f"{name} nothing": Case(change, is_reported=False) for name, change in VARIANTS.items()}
    | BROKEN
    | {name: Case(change, is_reported=False, runs=True) for name, change in SOUND_CHANGES.items()}
)


def names(found: bool, runs: bool) -> list[str]:
    """Return the names of cases. found: whether a rule must report them. runs: whether it runs the submission."""
    return [name for name, case in CASES.items() if (case.is_reported, case.runs) == (found, runs)]
