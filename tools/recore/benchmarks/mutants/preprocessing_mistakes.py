"""Mistakes in preprocess.py and in the uploaded files."""

from benchmarks.mutants.editing import Change, both, delete, insert, replace, replace_all, require, write

FILE = "preprocess.py"
ROWS = "rows = list(csv.DictReader(file))"
RETURN = 'return [row[""] for row in rows], np.round(np.column_stack(bins), 6)'
SPECTRA = "    bins = [part"  # spectra (rows, channels) exist before this line
WRITE = 'file.write(",".join([name, *map(repr, row)]) + "\\n")'
HEADER = '        file.write("index," + ",".join(f"bin_{number}" for number in range(BINS)) + "\\n")'
MAIN = 'if __name__ == "__main__":\n    main()'

# edits of the list `rows`, which has one dict per row
ROWS_EDITED = {
    "drops the first row": "rows = rows[1:]",
    "drops the last row": "rows = rows[:-1]",
    "drops every tenth row": "rows = [row for number, row in enumerate(rows) if number % 10]",
    "repeats a row": "rows = rows + rows[-1:]",
    "reverses the rows": "rows = rows[::-1]",
    "sorts the rows by depth": 'rows = sorted(rows, key=lambda row: (float(row["DepthFrom"]), row["SiteID"]))',
    "sorts the rows by a channel": "rows = sorted(rows, key=lambda row: float(list(row.values())[-60]))",
    "shuffles the rows": "np.random.default_rng().shuffle(rows)",
    "drops rows without gold": 'rows = [row for row in rows if row["AuPPM"]]',
    "drops repeated depths": 'rows = list({row["DepthFrom"]: row for row in rows}.values())',
    "keeps one drill hole": 'rows = [row for row in rows if row["SiteID"] == rows[0]["SiteID"]]',
    "keeps the first fifty rows": "rows = rows[:50]",
}

# edits of the array `spectra` (rows, channels)
SPECTRA_EDITED = {
    "subtracts the mean of the file": "spectra = spectra - spectra.mean(axis=0)",
    "standardises over the file": "spectra = (spectra - spectra.mean(axis=0)) / spectra.std(axis=0)",
    "divides by the largest value of the file": "spectra = spectra / spectra.max()",
    "scales to the range of the file": "spectra = (spectra - spectra.min(axis=0)) / np.ptp(spectra, axis=0)",
    "replaces values by their ranks in the file": "spectra = spectra.argsort(axis=0).argsort(axis=0) / len(spectra)",
    "subtracts the row before": "spectra = spectra - np.roll(spectra, 1, axis=0)",
    "smooths over neighbouring rows": "spectra = (spectra + np.roll(spectra, 1, axis=0)) / 2",
    "uses principal components of the file": (
        "spectra = (spectra - spectra.mean(axis=0)) @ np.linalg.svd(spectra - spectra.mean(axis=0))[2].T"
    ),
    "adds noise": "spectra = spectra + np.random.default_rng().normal(0, 0.01, spectra.shape)",
    "adds the row's number": "spectra = spectra + 0.01 * np.arange(len(spectra))[:, None]",
    "adds copper": 'spectra = spectra + np.array([[float(row["CuPPM"] or 0)] for row in rows])',
    "adds copper where it is known": 'spectra = spectra + np.array([[float(row.get("CuPPM") or 0)] for row in rows])',
    "subtracts the mean copper": ('spectra = spectra - np.mean([float(row.get("CuPPM") or 0) for row in rows]) / 1000'),
    "takes the assays for channels": (
        "spectra = np.column_stack([spectra, "
        "[[float(row[name] or 0) for name in row if name[-3:] == 'PPM'] for row in rows]])"
    ),
    "shows whether there are assays": 'spectra = spectra + float("AuPPM" in rows[0])',
    "divides by zero": "spectra = spectra / (spectra[:, :1] - spectra[:, :1])",
}


def _before_bins(code: str) -> Change:
    return replace(FILE, SPECTRA, f"    {code}\n{SPECTRA}")


def _after_reading(code: str) -> Change:
    return replace(FILE, ROWS, f"{ROWS}\n    {code}")


PREPROCESSING: dict[str, Change] = {
    **{f"preprocess.py {what}": _after_reading(code) for what, code in ROWS_EDITED.items()},
    **{f"preprocess.py {what}": _before_bins(code) for what, code in SPECTRA_EDITED.items()},
    "preprocess.py imports linear.py": insert(FILE, "from linear import Linear  # noqa: F401\n", "BASE"),
    "preprocess.py imports train.py in a function": replace(
        FILE, "def main():\n", "def main():\n    from train import TARGETS  # noqa: F401\n"
    ),
    "preprocess.py imports a package that is not there": insert(FILE, "import spectral\n", "BASE"),
    "preprocess.py writes no index": replace(FILE, WRITE, 'file.write(",".join(map(repr, row)) + "\\n")'),
    "preprocess.py writes neither index nor its name": both(
        replace(FILE, WRITE, 'file.write(",".join(map(repr, row)) + "\\n")'), replace(FILE, '"index," + ', "")
    ),
    "preprocess.py writes no header": replace(FILE, HEADER + "\n", ""),
    "preprocess.py writes the drill hole for the index": replace(FILE, 'row[""] for row', 'row["SiteID"] for row'),
    "preprocess.py writes the index last": replace(FILE, "[name, *map(repr, row)]", "[*map(repr, row), name]"),
    "preprocess.py writes semicolons": both(
        replace_all(FILE, '",".join', '";".join'), replace(FILE, '"index,"', '"index;"')
    ),
    "preprocess.py writes fewer digits than it trains with": replace(
        FILE, "map(repr, row)", '(f"{v:.2f}" for v in row)'
    ),
    "preprocess.py writes whole numbers": replace(FILE, "map(repr, row)", "(str(int(v)) for v in row)"),
    "preprocess.py writes another channel order": replace(FILE, "map(repr, row)", "map(repr, row[::-1])"),
    "preprocess.py writes fewer bins": replace(FILE, "map(repr, row)", "map(repr, row[1:])"),
    "preprocess.py writes NaN": replace(FILE, "map(repr, row)", '("nan" for v in row)'),
    "preprocess.py writes text": replace(FILE, "map(repr, row)", '(f"{v} AU" for v in row)'),
    "preprocess.py writes another file": replace(FILE, '/public.csv")', '/private.csv")'),
    "preprocess.py writes a compressed file": both(
        replace(FILE, '/public.csv")', '/public.csv.gz")'),
        replace(FILE, 'open(arguments.output, "w")', 'gzip.open(arguments.output, "wt")'),
    ),
    "preprocess.py writes into the working folder": replace(FILE, "open(arguments.output", 'open("public.csv"'),
    "preprocess.py writes outside": replace(FILE, "open(arguments.output", 'open("/var/lib/recore/public.csv"'),
    "preprocess.py reads data/": replace(FILE, 'BASE + "/input/public/public.csv.gz"', '"data/public/public.csv.gz"'),
    "preprocess.py reads the model": replace(
        FILE, "    index, inputs", '    open("/opt/ml/model/model.pkl").close()\n    index, inputs'
    ),
    "preprocess.py reads the training channel": replace(
        FILE, 'BASE + "/input/public/public.csv.gz"', '"/opt/ml/input/data/training/public.csv.gz"'
    ),
    "preprocess.py opens the data without gzip": replace(FILE, "gzip.open(data_file", "open(data_file"),
    "preprocess.py needs an argument": replace(
        FILE, "    arguments, _", '    parser.add_argument("--bins", required=True)\n    arguments, _'
    ),
    "preprocess.py exits with an error": replace(FILE, MAIN, f"{MAIN}\n    raise SystemExit(3)"),
    "preprocess.py exits before it writes": replace(
        FILE, "    index, inputs", "    raise SystemExit(0)\n    index, inputs"
    ),
    "preprocess.py never calls main": replace(FILE, MAIN, "main = main"),
    "preprocess.py calls main when it is imported": replace(FILE, MAIN, "main()"),
    "preprocess.py has a syntax error": replace(FILE, "def main():", "def main(:"),
    "preprocess.py takes depth for a channel": replace(
        FILE, "if name[:1].isdigit()", 'if name[:1].isdigit() or "Depth" in name'
    ),
    "preprocess.py uses np.int": replace(FILE, "np.round(", "np.round(np.int(1) * "),
}

PACKAGING: dict[str, Change] = {
    **{
        f"setup.py is missing {module}": replace("setup.py", old, "")
        for module, old in (("preprocess", '"preprocess", '), ("train", '"train", '), ("linear", ', "linear"'))
    },
    "setup.py misspells a module": replace("setup.py", '"linear"', '"liner"'),
    "setup.py names a file in place of a module": replace("setup.py", '"linear"', '"linear.py"'),
    "setup.py has no modules": replace("setup.py", ', py_modules=["preprocess", "train", "linear"]', ""),
    "setup.py looks in another folder": replace("setup.py", "license_files", 'package_dir={"": "src"}, license_files'),
    "setup.py is not there": delete("setup.py"),
    "requirements.txt has a single =": require("numpy=2.5.1\n"),
    "requirements.txt contradicts itself": require("numpy==2.5.1\nnumpy==2.4.0\n"),
    "requirements.txt includes another file": require("-r more.txt\n"),
    "train.py has another name": both(
        write("model.py", "from train import *\n"), replace("setup.py", '"train"', '"model"')
    ),
    "preprocess.py has another name": both(
        lambda folder: (folder / "preprocess.py").rename(folder / "prepare.py"),
        replace("setup.py", '"preprocess"', '"prepare"'),
        replace("train.py", "from preprocess", "from prepare"),
        replace("predict.py", "from preprocess", "from prepare"),
    ),
    "a file shadows the standard library": both(
        write("pickle.py", "def dump(model, file):\n    file.write(b'')\n"),
        replace("setup.py", '"linear"', '"linear", "pickle"'),
    ),
}

# Mistakes that the four steps with these data do not show: the client's build, other clients, or another day.
LATENT: dict[str, Change] = {
    "MANIFEST.in leaves requirements.txt out, which adds a package": write("requirements.txt", "cubist==1.2.2\n"),
    "requirements.txt pins nothing": require("numpy>=2\n"),
    "setup.py imports numpy": replace("setup.py", "from setuptools", "import numpy  # noqa: F401\nfrom setuptools"),
    "preprocess.py refuses other arguments": replace(
        FILE, "arguments, _ = parser.parse_known_args()", "arguments = parser.parse_args()"
    ),
    "preprocess.py has a wrong default input": replace(FILE, "/input/public/public.csv.gz", "/input/public.csv.gz"),
    "preprocess.py has a wrong default output": replace(FILE, "/output/preprocess/public.csv", "/output/public.csv"),
    "dist/ holds an older archive": write("dist/sound-0.tar.gz", "old"),
    "preprocess.py fits a scaler that it does not use": replace(
        FILE,
        SPECTRA,
        "    from sklearn.preprocessing import StandardScaler\n\n    StandardScaler().fit_transform(spectra)\n"
        + SPECTRA,
    ),
}
