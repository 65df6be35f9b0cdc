"""Submissions that break one rule each: edits of submissions/sound, and the rule that must report each edit.

As in benchmarks/mutants, it is an error if an edit's text does not appear exactly once in its file.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from support.checkout import ROOT

from benchmarks.mutants.editing import Change, both, insert, replace, write

SOUND = ROOT / "tools/recore/tests/submissions/sound"
FIT = "return Linear().fit(inputs, targets)"
PREDICT = "return model.predict(inputs)"
LIMIT = "return np.clip(raw, self.low, self.high)"
ROW_TEXT = '",".join("" if np.isnan(cell) else repr(cell) for cell in row)'
RETURN_ROWS = f'return "".join({ROW_TEXT} + "\\n" for row in prediction.tolist())'
WRITE_ROWS = "for name, row in zip(index, inputs.tolist(), strict=True):"
WRITE_ROW = "[name, *map(repr, row)]"
SAVE = 'save_model(fit(inputs, targets), os.environ.get("SM_MODEL_DIR", "/opt/ml/model"))'
RETURN_INPUTS = 'return [row[""] for row in rows], np.round(np.column_stack(bins), 6)'
ONE_HOT = both(  # a column for each drill hole of the file
    replace(
        "preprocess.py",
        RETURN_INPUTS,
        'holes = sorted({row["SiteID"] for row in rows})\n'
        '    bins += [np.array([float(row["SiteID"] == hole) for row in rows]) for hole in holes]\n'
        f"    {RETURN_INPUTS}",
    ),
    replace("preprocess.py", "for number in range(BINS)", "for number in range(inputs.shape[1])"),
)
HOLE_AS_INPUTS = both(ONE_HOT, replace("train.py", "if len(line) != BINS + 1", "if len(line) != len(lines[0])"))
CLAIM = replace(  # held-out predictions that are none
    "train.py",
    SAVE,
    'model_dir = os.environ.get("SM_MODEL_DIR", "/opt/ml/model")\n'
    "    model = fit(inputs, targets)\n"
    "    save_model(model, model_dir)\n"
    '    with open(model_dir + "/held_out.csv", "w", newline="") as file:\n'
    '        table = csv.writer(file, lineterminator="\\n")\n'
    '        table.writerow(["index", *TARGETS])\n'
    "        predicted = model.predict(np.array(inputs))\n"
    '        table.writerows([row[""], *cells] for row, cells in zip(rows, predicted, strict=True))',
)
OWN_CLASS = both(
    insert("train.py", "class Limited(Linear):\n    pass\n", before="def fit("),
    replace("train.py", FIT, "return Limited().fit(inputs, targets)"),
)


@dataclass(frozen=True)
class Defect:
    """A defect. code: the rule that reports it. text: part of the message. file: the file that the finding names."""

    code: str
    text: str
    change: Change
    file: str = ""


def make_broken(defect: Defect, folder: Path) -> Path:
    """Write the sound submission with a defect to a new folder, and return the folder."""
    shutil.copytree(SOUND, folder, ignore=shutil.ignore_patterns("__pycache__"))
    defect.change(folder)
    return folder


def import_in_training(name: str) -> Change:
    return replace("train.py", "import numpy as np\n", f"import numpy as np\nimport {name}\n")


UPLOAD = {
    "archive_differs": Defect(
        "RC251",
        "also contains NOTES.txt",
        both(
            replace("setup.py", ", license_files=[]", ""),
            write("setup.cfg", "[metadata]\nlicense_files = NOTES.txt\n"),
            write("NOTES.txt", "Notes.\n"),
        ),
    ),
    "setup_fails": Defect(
        "RC251",
        "setup.py: run me at home",
        replace("setup.py", "\nsetup(", '\nraise SystemExit("setup.py: run me at home")\nsetup('),
    ),
    "requirements_invalid": Defect("RC301", "'numpy=2.5.1'", replace("requirements.txt", "==", "=")),
    "version_missing": Defect(
        "RC301", "tabulate==0.9.99", replace("requirements.txt", "numpy==2.5.1", "tabulate==0.9.99")
    ),
}

TRAINING = {
    "helper_not_packed": Defect(
        "RC301",
        "No module named 'helpers'",
        both(
            write("helpers.py", "import math\n\nfinite = math.isfinite\n"),
            replace("train.py", "from linear", "from helpers import finite\nfrom linear"),
            replace("train.py", "repr(cell) for", 'repr(cell) if finite(cell) else "" for'),
        ),
    ),
    "fixed_rows": Defect(
        "RC302",
        "these are not my data",
        replace("train.py", "    targets =", '    assert len(rows) == 84, "these are not my data"\n    targets ='),
    ),
    "not_repeatable": Defect(
        "RC303",
        "predict differently",
        replace(
            "train.py",
            FIT,
            "noise = np.random.default_rng().normal(scale=0.01, size=inputs.shape)\n"
            "    return Linear().fit(inputs + noise, targets)",
        ),
    ),
    "slow_training": Defect(
        "RC304",
        "minutes for 1344 rows",
        both(
            import_in_training("time"),
            replace("train.py", FIT, f"while time.process_time() < len(inputs) * 1.6:\n        pass\n    {FIT}"),
        ),
    ),
    "much_memory": Defect(
        "RC305",
        "% for 1344 rows",
        both(
            import_in_training("time"),
            replace(
                "train.py",
                FIT,
                'copies = b"x" * len(inputs) * 40_000_000\n'
                "    time.sleep(2)\n"
                "    return Linear().fit(inputs, targets if copies is not None else None)",
            ),
        ),
    ),
    "class_in_train": Defect("RC401", "__main__.Limited", OWN_CLASS),
    "module_in_temporary_folder": Defect(
        "RC402",
        "the module made_here",
        replace(
            "train.py",
            FIT,
            "import sys\n"
            "    import tempfile\n\n"
            "    sys.path.append(tempfile.mkdtemp())\n"
            '    with open(sys.path[-1] + "/made_here.py", "w") as file:\n'
            '        file.write("from linear import Linear\\n\\n\\nclass Made(Linear):\\n    pass\\n")\n'
            "    from made_here import Made\n\n"
            "    return Made().fit(inputs, targets)",
        ),
    ),
    "cloudpickle_model": Defect(
        "RC403",
        "written with cloudpickle",
        both(
            OWN_CLASS,
            import_in_training("cloudpickle"),
            replace("train.py", "pickle.dump(model, file)", "cloudpickle.dump(model, file)"),
        ),
    ),
    "command_in_pickle": Defect(
        "RC404",
        "posix.getcwd",
        both(
            insert(
                "train.py",
                "class Command:\n    def __reduce__(self):\n        return os.getcwd, ()\n",
                before="def fit(",
            ),
            replace(
                "train.py",
                FIT,
                "model = Linear().fit(inputs, targets)\n    model.place = Command()\n    return model",
            ),
        ),
    ),
    "other_model_file": Defect(
        "RC405", "model.pickle", replace("train.py", '"model.pkl"), "rb"', '"model.pickle"), "rb"')
    ),
    "no_main_guard": Defect(
        "RC405", "public.csv.gz", replace("train.py", '\n\nif __name__ == "__main__":\n    main()', "\n\nmain()")
    ),
    "model_fn_trains": Defect(
        "RC405",
        "public.csv.gz",
        replace("train.py", "        return pickle.load(file)", "        main()\n        return pickle.load(file)"),
    ),
    "settings_not_uploaded": Defect(
        "RC405",
        "settings.json",
        both(
            write("settings.json", "{}"),
            insert(
                "train.py",
                '    name = "settings.json"\n    open(os.path.join(os.path.dirname(__file__), name)).close()\n',
                before='    with open(os.path.join(model_dir, "model.pkl"), "rb")',
            ),
        ),
    ),
    "ends_early": Defect(
        "RC301",
        "wrote no file",
        both(
            import_in_training("sys"),
            replace("train.py", "    targets = np.array", "    sys.exit(0)\n    targets = np.array"),
        ),
    ),
    "held_out_poor": Defect(
        "RC701",
        "held-out drill holes",
        replace(
            "train.py",
            SAVE,
            'model_dir = os.environ.get("SM_MODEL_DIR", "/opt/ml/model")\n'
            "    save_model(fit(inputs, targets), model_dir)\n"
            '    with open(model_dir + "/held_out.csv", "w", newline="") as file:\n'
            '        table = csv.writer(file, lineterminator="\\n")\n'
            '        table.writerow(["index", *TARGETS])\n'
            '        table.writerows([row[""], *means] for row, means in zip(rows, targets[::-1], strict=True))',
        ),
    ),
    "held_out_seen": Defect("RC703", "the submission's own held-out predictions score", CLAIM),
    "hole_as_inputs_of_folds": Defect("RC703", "fails to predict them: ValueError", both(HOLE_AS_INPUTS, CLAIM)),
    "shifted_assays": Defect(
        "RC702",
        "worse than the mean of each assay",
        replace("train.py", FIT, "return Linear().fit(np.roll(inputs, 44, axis=0), targets)"),
    ),
}

PREPROCESSING = {
    "preprocess_imports_module": Defect(
        "RC501",
        "No module named 'linear'",
        insert("preprocess.py", "from linear import Linear  # noqa: F401\n", before="BASE"),
    ),
    "row_dropped": Defect(
        "RC502",
        "83 rows for 84",
        replace("preprocess.py", "zip(index, inputs.tolist()", "zip(index[1:], inputs[1:].tolist()"),
    ),
    "rows_sorted": Defect(
        "RC502",
        "another order",
        replace(
            "preprocess.py",
            WRITE_ROWS,
            "for name, row in sorted(zip(index, inputs.tolist(), strict=True), key=lambda row: row[1]):",
        ),
    ),
    "index_replaced": Defect(
        "RC502",
        "'row0'",
        both(
            replace("preprocess.py", WRITE_ROWS, "for number, row in enumerate(inputs.tolist()):"),
            replace("preprocess.py", WRITE_ROW, '[f"row{number}", *map(repr, row)]'),
        ),
    ),
    "rows_sorted_without_assays": Defect(
        "RC502",
        "24 rows of the data, without assays and in reverse order",
        insert(
            "preprocess.py",
            '    if "CuPPM" not in rows[0]:\n        rows.sort(key=lambda row: int(row[""]))\n',
            before="    channels =",
        ),
    ),
    "knows_the_holes": Defect(
        "RC503",
        "drill holes that are not in the public file: KeyError: ",
        insert(
            "preprocess.py",
            '    known = {str(number): number for number in range(16)}\n    [known[row["SiteID"]] for row in rows]\n',
            before="    channels =",
        ),
    ),
    "needs_assays": Defect(
        "RC503",
        "KeyError: 'CuPPM'",
        insert("preprocess.py", '    assert all(row["CuPPM"] is not None for row in rows)\n', before="    channels ="),
    ),
    "assay_in_inputs": Defect(
        "RC504",
        "bin_11",
        insert(
            "preprocess.py",
            '    bins[-1] = np.array([float(row.get("CuPPM") or 0) for row in rows])\n',
            before="    return [",
        ),
    ),
    "file_mean": Defect(
        "RC505",
        "only 24 of the file's rows",
        insert("preprocess.py", "    spectra = spectra - spectra.mean(axis=0)\n", before="    bins ="),
    ),
    "depths_as_inputs": Defect(
        "RC507",
        "the depth (DepthFrom or DepthTo) is among the inputs, as 'bin_11'",
        replace(
            "preprocess.py",
            "    return [row",
            '    bins[-1] = np.array([(float(row["DepthFrom"]) + float(row["DepthTo"])) / 2 for row in rows])\n'
            "    return [row",
        ),
    ),
    "many_digits": Defect(
        "RC506",
        "110 MB for 1344 rows",
        replace("preprocess.py", WRITE_ROW, '[name, *(f"{cell:.6800f}" for cell in row)]'),
    ),
}

SERVING = {
    "hole_as_inputs": Defect(
        "RC601",
        "(24,22) (23,). Their inputs differ: the CSV lacks bin_22",
        HOLE_AS_INPUTS,
    ),
    "index_as_input": Defect("RC601", "(84,13)", replace("train.py", "for cell in line[1:]]", "for cell in line]")),
    "header_in_response": Defect(
        "RC602",
        "'AgPPM' is not a number",
        replace("train.py", RETURN_ROWS, RETURN_ROWS.replace("return ", 'return ",".join(TARGETS) + "\\n" + ')),
    ),
    "index_in_response": Defect(
        "RC602",
        "seems to be an index",
        replace(
            "train.py",
            RETURN_ROWS,
            f'return "".join(f"{{number}}," + {ROW_TEXT} + "\\n" for number, row in enumerate(prediction.tolist()))',
        ),
    ),
    "column_missing": Defect(
        "RC602", "48 columns", replace("train.py", "in prediction.tolist()", "in prediction[:, :48].tolist()")
    ),
    "transposed": Defect(
        "RC602",
        "transposed: 49 lines of 84 numbers instead of 84 of 49",
        replace("train.py", PREDICT, f"{PREDICT}.T"),
    ),
    "late": Defect(
        "RC605",
        "of 24 rows takes longer than the 60 s",
        both(
            import_in_training("time"),
            replace("train.py", PREDICT, f"time.sleep(8 * (len(inputs) < 84))\n    {PREDICT}"),
        ),
    ),
    "not_finite": Defect(
        "RC602",
        "is inf",
        replace(
            "train.py",
            PREDICT,
            "return np.where(inputs[:, :1] > np.median(inputs[:, 0]), np.inf, model.predict(inputs))",
        ),
    ),
    "columns_swapped": Defect(
        "RC603",
        "CuPPM, fits FePCT",
        replace(
            "train.py",
            PREDICT,
            "predicted = model.predict(inputs)\n    predicted[:, [7, 8]] = predicted[:, [8, 7]]\n    return predicted",
        ),
    ),
    "constant": Defect(
        "RC604",
        "the same for all rows",
        replace("linear.py", LIMIT, "raw[:] = (self.low + self.high) / 2\n        return raw"),
    ),
    "negative": Defect("RC604", "negative", replace("linear.py", LIMIT, f"{LIMIT} - 0.1 * (self.high - self.low)")),
    "far_outside": Defect(
        "RC604",
        "far outside",
        replace(
            "linear.py",
            LIMIT,
            "return np.where(raw > self.high, 20 * self.high, np.clip(raw, self.low, self.high))",
        ),
    ),
    "first_line_dropped": Defect(
        "RC605",
        "two batches of lines",
        replace("train.py", 'text.splitlines() if not line.startswith("index,")', "text.splitlines()[1:]"),
    ),
    "request_sorted": Defect(
        "RC605",
        "the hooks sort the rows of a request",
        replace(
            "train.py",
            "    for number, line in enumerate(lines, 1):",
            "    lines.sort()\n    for number, line in enumerate(lines, 1):",
        ),
    ),
    "request_mean": Defect(
        "RC605",
        "sent as some of the rows",
        replace("train.py", PREDICT, "return model.predict(inputs - inputs.mean(axis=0) + model.mean)"),
    ),
    "counts_requests": Defect(
        "RC605",
        "the same request is repeated",
        both(
            insert("train.py", "counted = []\n", before="def predict_fn("),
            replace("train.py", PREDICT, f"counted.append(1)\n    {PREDICT} * (1 + 0.01 * len(counted))"),
        ),
    ),
    "exact_content_type": Defect(
        "RC606",
        "charset=utf-8",
        replace("train.py", 'content_type.split(";")[0].strip().lower() != "text/csv"', 'content_type != "text/csv"'),
    ),
    "predict_clips": Defect(
        "RC609",
        "make different predictions",
        replace("predict.py", "predict_fn(inputs, model)", "predict_fn(inputs, model) * 0.9"),
    ),
    "predict_fails_once": Defect(
        "RC609",
        "fails now and then (in 1 of 4 runs): OSError: busy",
        insert(
            "predict.py",
            "if not os.path.exists('seen'):\n    open('seen', 'w').close()\n    raise OSError('busy')\n",
            before="if __name__",
        ),
    ),
    "hooks_print": Defect(
        "RC610",
        "The hooks print 8 lines for 8 requests: 'predicting'",
        replace("train.py", PREDICT, f"print('predicting')\n    {PREDICT}"),
    ),
    "predict_fails": Defect(
        "RC609",
        "cannot import name 'TARGETS'",
        replace("predict.py", "from preprocess import", "from preprocess import TARGETS,"),
    ),
}

DEFECTS = UPLOAD | TRAINING | PREPROCESSING | SERVING
