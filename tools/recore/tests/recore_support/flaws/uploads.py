"""Flaws in setup.py, requirements.txt, MANIFEST.in and the uploaded files."""

from benchmarks.mutants.editing import both, delete, insert, replace, require, write
from recore.check.rule import Level
from recore_support.flaws.flaw import WARNING, Flaw, name_modules, write_train

SETUP_LINE = 'setup(name="good", py_modules=["preprocess", "train"])'


def setup_flaw(line: str, old: str = 'setup(name="good", py_modules=["preprocess", "train"])') -> Flaw:
    return Flaw("RC201", "setup.py", line, replace("setup.py", old, line))


def requirements_flaw(code: str, text: str, level: Level = Level.ERROR) -> Flaw:
    """Return a flaw in the last line of requirements.txt, which is uploaded."""
    return Flaw(code, "requirements.txt", text.splitlines()[-1], require(text), level)


TWINS = both(write("mdl.py", "ALPHA = 1.0\n"), write("mdl/ridge.py", "ALPHA = 1.0\n"))
UPLOADED = {
    "setup-py-other-case": Flaw(
        "RC201",
        "setup.py",
        SETUP_LINE,
        both(delete("train.py"), write("Train.py", "ALPHA = 1.0\n")),
    ),
    "setup-py-suffix": setup_flaw('setup(name="good", py_modules=["preprocess", "train.py"])'),
    "setup-py-notebook": Flaw(
        "RC201", "setup.py", "", both(delete("train.py"), delete("setup.py"), write("model.ipynb", "{}"))
    ),
    "requirements-lines-other-case": Flaw(
        "RC205", "Requirements.txt", "", write("Requirements.txt", "cubist==1.2.2\n")
    ),
    "shadowed-modules-folder-here": Flaw(
        "RC110",
        "train.py",
        "",
        both(write_train("", "import train\n"), write("train/__init__.py", "")),
        WARNING,
    ),
    "shadowed-modules-folder": Flaw(
        "RC110", "mdl.py", "", both(write_train("ALPHA = mdl.ridge.ALPHA\n", "import mdl.ridge\n"), TWINS)
    ),
    "build-leftovers": Flaw("RC208", "dist/good-0.0.0.tar.gz", "", write("dist/good-0.0.0.tar.gz", "an archive")),
    "build-leftovers-wheel": Flaw(
        "RC208",
        "dist/good-0.0.0-py3-none-any.whl",
        "",
        write("dist/good-0.0.0-py3-none-any.whl", "a wheel"),
        WARNING,
    ),
    "container-versions": requirements_flaw("RC207", "scikit-learn==1.5.0\n"),
    "container-versions-former": requirements_flaw("RC207", "psutil==5.7.2\n"),
    "manifest": Flaw(
        "RC203", "MANIFEST.in", "add requirements.txt", write("MANIFEST.in", "# the upload\nadd requirements.txt\n")
    ),
    "manifest-folder-alone": Flaw(
        "RC203", "MANIFEST.in", "recursive-include data", write("MANIFEST.in", "# the upload\nrecursive-include data\n")
    ),
    "manifest-missing": Flaw(
        "RC203", "MANIFEST.in", "include requirement.txt", write("MANIFEST.in", "include requirement.txt\n"), WARNING
    ),
    "manifest-mark": Flaw(
        "RC203",
        "MANIFEST.in",
        "\ufeffinclude requirements.txt",
        both(require("numpy==2.5.1\n"), write("MANIFEST.in", "\ufeffinclude requirements.txt\r\n")),
    ),
    "modules-uploaded": Flaw(
        "RC202",
        "train.py",
        "from mdl import ALPHA",
        both(write_train("STRENGTH = ALPHA\n", "from mdl import ALPHA\n"), write("mdl.py", "ALPHA = 1.0\n")),
    ),
    "modules-uploaded-entry": Flaw(
        "RC202",
        "setup.py",
        'py_modules=["train"],',
        replace("setup.py", SETUP_LINE, 'setup(\n    name="mine",\n    py_modules=["train"],\n)'),
    ),
    "modules-uploaded-score": Flaw(
        "RC202",
        "train.py",
        "import score",
        both(write_train("WEIGHTS = score.WEIGHTS\n", "import score\n"), write("score.py", "WEIGHTS = {}\n")),
    ),
    "private-files": Flaw(
        "RC209",
        "data/public/assays.csv",
        "",
        both(write("data/public/assays.csv", "index,CuPPM\n1,20\n"), write("MANIFEST.in", "graft data\n")),
    ),
    "private-files-key": Flaw(
        "RC209",
        "notes.txt",
        "-----BEGIN PRIVATE KEY-----",
        both(
            write("notes.txt", "-----BEGIN PRIVATE KEY-----\nnot a real one\n"),
            write("MANIFEST.in", "include *.txt\n"),
        ),
    ),
    "private-files-password": Flaw(
        "RC209",
        "train.py",
        'PASSWORD = "Tr0ub4dor3"',
        write_train('PASSWORD = "Tr0ub4dor3"\n'),
        WARNING,
    ),
    "private-files-score": Flaw(
        "RC209", "score.py", "", both(write("score.py", "print(1)\n"), write("MANIFEST.in", "include score.py\n"))
    ),
    "private-files-table": Flaw(
        "RC209",
        "minerals.csv",
        "",
        both(write("minerals.csv", "name,band\nquartz,800\n"), write("MANIFEST.in", "include minerals.csv\n")),
        WARNING,
    ),
    "setup-py-folder-among-modules": Flaw(
        "RC201",
        "setup.py",
        SETUP_LINE.replace('"train"', '"train", "mdl"'),
        both(write("mdl/ridge.py", "ALPHA = 1.0\n"), replace("setup.py", '"train"', '"train", "mdl"')),
    ),
    "setup-py-train": Flaw("RC201", "setup.py", SETUP_LINE, delete("train.py")),
    "requirements-lines": requirements_flaw("RC205", "numpy=2.5.1\n"),
    "requirements-lines-address": requirements_flaw("RC205", "mdl @ https://example.com/mdl-1.0-py3-none-any.whl\n"),
    "requirements-lines-conda": requirements_flaw("RC205", "cubist=1.2.2=py312_0\n"),
    "requirements-lines-command": requirements_flaw("RC205", "!pip install cubist==1.2.2\n"),
    "requirements-lines-of-this-machine": requirements_flaw("RC205", "stagemaker==1.0\n"),
    "requirements-lines-python": requirements_flaw("RC205", "python==3.12\n"),
    "requirements-lines-editable-above": requirements_flaw("RC205", "-e ../mdl\n"),
    "requirements-lines-windows": requirements_flaw("RC205", "C:\\mdl\\mdl-1.0-py3-none-any.whl\n"),
    "requirements-lines-editable-folder": requirements_flaw("RC205", "--editable ./lib\n"),
    "requirements-lines-editable": requirements_flaw("RC205", "-e .\n"),
    "requirements-lines-hash-missing": requirements_flaw("RC205", "cubist==1.2.2 --hash=sha256:aa\nsix==1.17.0\n"),
    "requirements-lines-module": requirements_flaw("RC205", "sklearn==0.0\n"),
    "requirements-lines-name": requirements_flaw("RC205", "tensorflow_gpu==2.12.0\n"),
    "requirements-lines-option": requirements_flaw("RC205", "# more\n-r more.txt\n"),
    "requirements-lines-option-second": requirements_flaw("RC205", "--pre --index-url https://example.com\n"),
    "requirements-lines-path": requirements_flaw("RC205", "mdl @ file:///home/ada/mdl-1.0-py3-none-any.whl\n"),
    "requirements-lines-repository": requirements_flaw("RC205", "git+https://example.com/ada/mdl\n"),
    "requirements-lines-wheel": Flaw(
        "RC205",
        "requirements.txt",
        "./wheels/mdl-1.0-py3-none-any.whl",
        both(require("./wheels/mdl-1.0-py3-none-any.whl\n"), write("wheels/mdl-1.0-py3-none-any.whl", "a wheel")),
    ),
    "requirements-lines-twice": requirements_flaw("RC205", "cubist==1.2.2\nCubist==1.2.1\n"),
    "requirements-pinned": requirements_flaw("RC206", "cubist>=1.0\n", WARNING),
    "requirements-uploaded": Flaw(
        "RC204", "requirements.txt", "cubist==1.2.2", write("requirements.txt", "numpy==2.5.1\ncubist==1.2.2\n")
    ),
    "setup-py": Flaw(
        "RC201",
        "setup.py",
        'setup(name="good", py_modules=["preprocess", "train"], packages=find_packages(*NAMES))',
        both(
            replace("setup.py", "import setup", "import find_packages, setup\n\nNAMES = ()"),
            replace("setup.py", '"train"])', '"train"], packages=find_packages(*NAMES))'),
        ),
    ),
    "setup-py-empty": Flaw(
        "RC201",
        "setup.py",
        "setup()",
        both(
            replace("setup.py", SETUP_LINE, "setup()"),
            write("pyproject.toml", '[project]\nname = "mine"\nversion = "1"\n'),
        ),
    ),
    "setup-py-folder": setup_flaw('setup(name="mine", py_modules=["preprocess", "train"], package_dir={"": "src"})'),
    "setup-py-gone": setup_flaw('setup(name="mine", py_modules=["preprocess", "train", "gone"])'),
    "setup-py-import": Flaw(
        "RC201",
        "setup.py",
        "import numpy",
        both(
            replace("setup.py", "from setuptools", "import numpy\nfrom setuptools"),
            replace("setup.py", '"good"', '"good", version=numpy.__version__'),
        ),
    ),
    "setup-py-syntax": Flaw(
        "RC201",
        "setup.py",
        SETUP_LINE,
        both(
            replace("setup.py", "from setuptools", "import sys\n\nfrom setuptools"),
            replace("setup.py", SETUP_LINE, f"match sys.version_info[0]:\n    case 3:\n        {SETUP_LINE}"),
        ),
    ),
    "shadowed-modules": Flaw("RC110", "scipy.py", "", both(write("scipy.py", "ALPHA = 1.0\n"), name_modules("scipy"))),
    "shadowed-modules-not-uploaded": Flaw(
        "RC110",
        "types.py",
        "",
        both(
            write_train("SIMPLE = types.SimpleNamespace\n", "import types\n"),
            insert("preprocess.py", "import types\n", before="import os"),
            write("types.py", "class SimpleNamespace:\n    pass\n"),
        ),
    ),
    "shadowed-modules-standard": Flaw(
        "RC110",
        "statistics.py",
        "",
        both(
            write_train("MEAN = statistics.mean\n", "import statistics\n"),
            write("statistics.py", "def mean(values):\n    return sum(values) / len(values)\n"),
            name_modules("statistics"),
        ),
        WARNING,
    ),
    "setup-py-list": Flaw("RC201", "MANIFEST.in", "", write("MANIFEST.in", "include **x\n")),
}
