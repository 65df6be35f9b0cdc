"""The licence questions of a hand-over: what is answered by a file or a statement, and what is left open, by name."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from recore.handover.markdown import code, escape, table
from recore.handover.packages import Package
from recore.handover.run_files import HandedRun

LICENCE_FILE = re.compile(r"(licen[cs]e|copying|notice)[^.]*(\.(txt|md|rst))?", re.IGNORECASE)
WEIGHTS = (  # suffixes of files with the weights of a model
    *(".bin", ".ckpt", ".gguf", ".h5", ".hdf5", ".joblib", ".keras", ".npy", ".npz", ".onnx", ".parquet", ".pickle"),
    *(".pkl", ".pt", ".pth", ".safetensors", ".tflite", ".ubj"),
)
OPEN = "**open**"


def list_questions(run: HandedRun, packages: Sequence[Package]) -> list[tuple[str, str]]:
    """The questions that are open, as pairs of a subject and a question, both Markdown."""
    public, sha256 = code(run.public.name), run.record.data["public"][1] or ""
    questions = [
        (
            f"the data, {public} ({code(sha256[:12])})",
            "Who owns them, under which terms were they given, and may a model that was trained on them, and the rows "
            "in `sample/`, be used and passed on?",
        )
    ]
    names = [name for name in run.submission.files if LICENCE_FILE.fullmatch(PurePosixPath(name).name)]
    if not names:
        questions.append(
            (
                "the submission, `submission/` and `model.tar.gz`",
                "No LICENSE file is among its files: under which licence does its author hand it over?",
            )
        )
    else:
        listed = ", ".join(code(f"submission/{name}") for name in names)
        lines = run.submission.files[names[0]].decode("utf-8", "replace").splitlines()
        first = next(filter(str.strip, lines), "")
        questions.append(
            (
                "the submission, `submission/` and `model.tar.gz`",
                f"{listed} begins {escape(first, 80)}: does it also cover the trained model?",
            )
        )
    questions += [
        (
            f"pretrained weights, {code(f'submission/{name}')}",
            "Where does this file come from, and under which licence?",
        )
        for name in sorted(run.submission.files)
        if PurePosixPath(name).suffix.lower() in WEIGHTS
    ]
    questions += [
        (f"the package {code(each.name)} {escape(each.version or '')}".strip(), _package_question(each))
        for each in packages
        if each.licence is None
    ]
    questions.append(("`score.py`", "It is the host's: may the partner keep and change it? (`steps.py` is MIT.)"))
    return questions


def licence_section(run: HandedRun, packages: Sequence[Package]) -> str:
    weights = [name for name in run.submission.files if PurePosixPath(name).suffix.lower() in WEIGHTS]
    parts = [
        "## Licence questions\n\nOpen, each to be answered by a person:\n\n",
        table(("about", "question"), list_questions(run, packages), left=2),
    ]
    if not weights:
        count = len(run.submission.files)
        suffixes = " ".join(f"`{each}`" for each in WEIGHTS)
        parts.append(
            f"\nPretrained weights: none of the submission's {count} files has the suffix of a weights "
            f"file ({suffixes}). Weights that a package brings along are covered by that package only if its licence "
            "says so.\n"
        )
    rows = [(code(each.name), escape(each.version or "not installed"), _licence(each)) for each in packages]
    parts += [
        "\nThe licences that the packages' own metadata state; nobody has checked them:\n\n",
        table(("package", "version", "licence"), rows, left=3),
    ]
    return "".join(parts)


def _licence(package: Package) -> str:
    return OPEN if package.licence is None else escape(package.licence, 80)


def _package_question(package: Package) -> str:
    if package.version is None:
        return "It is not installed where this page was written: which version was used, and under which licence?"
    return "Its metadata state no licence: which one does it have?"
