"""A flawed submission: the good one with a single change, and the finding that it must cause."""

from dataclasses import dataclass

from support.checkout import ROOT

from benchmarks.mutants.editing import Change, replace, write
from recore.check.rule import Level

GOOD = ROOT / "tools/recore/tests/submissions/good"
INPUT_FN = "def input_fn(input_data, content_type):\n    return input_data.splitlines()[1:]\n"
MODEL_FN = """\
def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)
"""
WARNING = Level.WARNING


@dataclass(frozen=True)
class Flaw:
    """A change to the good submission, and its only finding. line: the flawed line's text, or "" for the whole file."""

    code: str
    file: str
    line: str
    change: Change
    level: Level = Level.ERROR


def write_train(text: str, imports: str = "") -> Change:
    """Return the change that writes a short train.py: imports, two hooks and more code."""
    head = '"""Steps 1 and 3."""\n\nimport os\nimport pickle\n' + (f"\n{imports}" if imports else "")
    return write("train.py", "\n\n".join(part for part in (head, MODEL_FN, INPUT_FN, text) if part))


def name_modules(*names: str) -> Change:
    modules = ", ".join(f'"{name}"' for name in ("preprocess", "train", *names))
    return replace("setup.py", '"preprocess", "train"', modules)
