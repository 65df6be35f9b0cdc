"""README.md of a hand-over: what is in the folder, and the exact commands that repeat the run and check it."""

import csv
import shlex
from typing import Any

from recore.distribution import PROGRAM
from recore.evaluation import HELD_OUT, Again
from recore.handover.markdown import code, escape, fence, table
from recore.handover.run_files import HandedRun
from recore.handover.steps import TOLERANCE
from recore.schema import TARGETS
from recore.validation import unit_of

PYTHON = ".venv/bin/python"
SHOWN_TARGETS = 6  # of the worked answer
SHOWN_INPUTS = 5  # of the worked request
CONTENTS = (
    ("`MODEL_CARD.md`", "data, method, scores per target, what they mean for a cut-off, domain, limits, licences"),
    ("`submission/`", "the code, as it was uploaded"),
    ("`model.tar.gz`", "the trained model with the code, as SageMaker serves it"),
    ("`requirements.txt`", "exact versions of all packages"),
    ("`steps.py`", "train, preprocess, predict and compare without the platform"),
    ("`score.py`", "the host's score"),
    ("`sample/`", "spectra of a few rows, with what the run predicted for them"),
    (
        "`request.csv`, `answer.csv`",
        "a worked request to the model's server and its answer, computed when this page was written",
    ),
    ("`predictions/`, `scores/`", "what the run predicted and scored"),
    ("`domain.json`", "what the training spectra look like"),
    ("`run.json`", "the record of the run, with its scores, times and machine"),
    ("`handover.json`", "the figures per target, for programs"),
    ("`SHA256SUMS`", "the hash of every file"),
)
LARGE_FILES = (
    "Batch Transform accepts at most 100 MB per request; the platform sends a larger file in parts of whole lines, of "
    "which only the first has the header. `steps.py predict` sends any file in one request, which gives the same "
    "predictions as long as each depends on its row alone, and needs memory for the whole file.\n\n"
)


def write_readme(run: HandedRun, again: Again, sample_rows: int, files: set[str]) -> str:
    """The page. files: the names of all other files of the hand-over."""
    return "\n".join(
        [
            _opening(run, files),
            _preparation(run),
            _first_test(sample_rows),
            _repetition(run),
            _worked(run, again),
            _origin(run),
        ]
    )


def _opening(run: HandedRun, files: set[str]) -> str:
    rows = [row for row in CONTENTS if row[0].strip("`") != "domain.json" or "domain.json" in files]
    return (
        f"# Hand-over: {escape(run.folder.resolve().name)}\n\n"
        "A model that predicts 49 drill-core assays from FTIR spectra, and all that is needed to check it, train it "
        "again and use it. [MODEL_CARD.md](MODEL_CARD.md) says how good it is and for which samples; read it first.\n\n"
        + table(("file", "what it is"), rows, left=2)
    )


def _preparation(run: HandedRun) -> str:
    version = ".".join(run.versions["python"].split(".")[:2])
    version = version if version.replace(".", "").isdigit() else "3"
    exact = escape(run.versions["python"])
    if run.ran_here:
        environment = f"Make an environment with the run's packages. The run used Python {exact}:"
    else:
        environment = (
            "Make an environment. The jobs ran in an image or on another machine, whose versions are not recorded; "
            "`requirements.txt` has the versions as installed on the machine that started the run, with Python "
            f"{exact}:"
        )
    return (
        "## 1. Prepare\n\n"
        f"The commands are for Linux with Python {version} and `sha256sum`. Copy this folder and work in the "
        "copy. The scripts run with your rights and without a sandbox, and "
        "`model.pkl`, like every pickle, is a program: run them only if you trust their author, or in a container or "
        "virtual machine without network.\n\n"
        "Check that the files are complete and unchanged:\n\n"
        + _block("sha256sum --check --quiet SHA256SUMS")
        + f"\n{environment}\n\n"
        + _block(f"python{version} -m venv .venv", ".venv/bin/pip install -r requirements.txt", tag="environment")
    )


def _first_test(rows: int) -> str:
    return (
        "## 2. Does it work here?\n\n"
        f"`sample/spectra.csv.gz` has {rows} rows of the public data without their assays. This installation works if "
        "the last command prints that they are equal; it needs no other data:\n\n"
        + _block(
            "mkdir -p work/model",
            "tar -xzf model.tar.gz -C work/model",
            f"{PYTHON} steps.py preprocess --data sample/spectra.csv.gz --output work/request.csv",
            f"{PYTHON} steps.py predict --model work/model --request work/request.csv --output work/answer.csv",
            f"{PYTHON} steps.py compare sample/predictions.csv work/answer.csv",
            output=f"compare: {rows} rows are equal within {TOLERANCE:g}",
        )
    )


def _repetition(run: HandedRun) -> str:
    """Sections 3 and 4: the run's predictions from its model, and from a model that is trained again."""
    files = {"public": "data/public.csv.gz", "private": "data/private.csv.gz", "actual": "data/actual.csv.gz"}
    recorded = {name: sha256 for name, (_, sha256) in run.record.data.items() if sha256}
    rows = [(code(files[name]), code(sha256, 64)) for name, sha256 in recorded.items()]
    text = (
        "## 3. The run's predictions\n\n"
        "The data files are the host's. Put them here, under these names; the hashes say that they are those of the "
        "run:\n\n" + table(("file", "SHA-256"), rows, left=2) + "\n"
    )
    text += LARGE_FILES
    text += _block(_check("public", files, recorded), *_predict("public", "work/model", "work/public"), tag="public")
    if "private" in recorded and (run.folder / "predictions/private.csv.out").is_file():
        text += "\nThe same for the private spectra:\n\n"
        predict = _predict("private", "work/model", "work/private")
        text += _block(_check("private", files, recorded), *predict, tag="private")
    scored = [side for side in ("public", "private") if side in run.record.scores]
    for side in scored:
        actual = "public" if side == "public" else "actual"
        if actual not in recorded:
            continue
        who = "" if side == "public" else " Only the host has the private assays."
        value = run.record.scores[side].value
        text += f"\nThe {side} score, which is {value:.6f} in the run.{who}\n\n"
        text += _block(
            *([_check("actual", files, recorded)] if actual == "actual" else []),
            f"{PYTHON} score.py --actual {files[actual]} --predicted work/{side}.csv.out --output work/{side}.txt",
            tag=actual,
        )
    text += (
        "\n## 4. Train it again\n\n"
        f"The run's training took {_seconds(run, 'train')}. The predictions of the new model must equal those of the "
        "run:\n\n"
    )
    commands = [f"{PYTHON} steps.py train --data {files['public']} --model work/trained"]
    text += _block(*commands, *_predict("public", "work/trained", "work/again", known=True), tag="public")
    if HELD_OUT in run.record.scores:
        text += (
            "\nIts held-out predictions, from which the figures of the model card are computed, are in "
            "`work/trained/held_out.csv`; those of the run are in `predictions/held-out.csv`.\n"
        )
    return text


def _check(name: str, files: dict[str, str], recorded: dict[str, str]) -> str:
    return f'echo "{_hexadecimal(recorded[name])}  {files[name]}" | sha256sum --check --quiet'


def _hexadecimal(text: str) -> str:
    """A hash from a record, which goes into a command. Raises ValueError if it is not one."""
    if len(text) != 64 or set(text) - set("0123456789abcdef"):
        raise ValueError(f"run.json: {text[:80]!r} is not a SHA-256")
    return text


def _predict(side: str, model: str, target: str, known: bool = False) -> list[str]:
    """The commands that predict a side and compare. known: whether its request was made before."""
    request = f"work/{side}.csv"
    commands = [] if known else [f"{PYTHON} steps.py preprocess --data data/{side}.csv.gz --output {request}"]
    return [
        *commands,
        f"{PYTHON} steps.py predict --model {model} --request {request} --output {target}.csv.out",
        f"{PYTHON} steps.py compare predictions/{side}.csv.out {target}.csv.out",
    ]


def _worked(run: HandedRun, again: Again) -> str:
    """Section 5: one request and its answer."""
    with open(again.request, encoding="utf-8", newline="") as file:
        header, first = next(csv.reader(file), []), next(csv.reader(file), [])
    with open(again.answer, encoding="utf-8", newline="") as file:
        answer = next(csv.reader(file), [])
    weights = next(iter(run.record.scores.values())).weights if run.record.scores else {}
    names = sorted(TARGETS, key=lambda name: -weights.get(name, 0.0))[:SHOWN_TARGETS]
    inputs = [(code(name), code(cell)) for name, cell in zip(header[:SHOWN_INPUTS], first[:SHOWN_INPUTS], strict=False)]
    outputs = [
        (name, f"{TARGETS.index(name) + 1}", code(answer[TARGETS.index(name)]), unit_of(name))
        for name in names
        if len(answer) == len(TARGETS)
    ]
    preprocess, predict = again.steps
    times = f"{preprocess.seconds or 0:.1f} s and {predict.seconds or 0:.1f} s"
    return (
        "## 5. A request and its answer\n\n"
        "The model's server takes a POST of `text/csv`, the output of `preprocess.py`, and answers with a line of 49 "
        "numbers per row, without header, in the order "
        f"{', '.join(TARGETS)}. `request.csv` was sent to the model and `answer.csv` came back when this page was "
        f"written; the two jobs, preprocessing and prediction with the start of the server, took {times}.\n\n"
        f"The first {len(inputs)} of the {len(header)} cells of the first row of `request.csv`:\n\n"
        + table(("column", "cell"), inputs, left=2)
        + "\nFrom the first line of `answer.csv`, the targets with the largest weights:\n\n"
        + table(("target", "column", "answer", "unit"), outputs)
    )


def _origin(run: HandedRun) -> str:
    """Section 6: how the run was made."""
    arguments: dict[str, Any] = dict(run.raw.get("arguments", {}))
    words = [*shlex.split(PROGRAM), "run", str(arguments.pop("submission", run.record.submission))]
    for name, value in arguments.items():
        if name == "report":
            words += [] if value else ["--no-report"]
        elif value is not None and value is not False:
            words += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
    return (
        "## 6. How the run was made\n\n"
        f"With recore {escape(run.record.version)}, in the folder {code(run.record.started_in)}:\n\n"
        + fence(shlex.join(words))
        + f"\nIt took {run.record.seconds:.0f} s; MODEL_CARD.md has the times and memory of each step.\n"
    )


def _seconds(run: HandedRun, name: str) -> str:
    step = next((each for each in run.record.steps if each.name == name), None)
    return f"{step.seconds:.1f} s" if step and step.seconds is not None else "an unknown time"


def _block(*commands: str, tag: str = "", output: str = "") -> str:
    """Commands as a session in a terminal."""
    lines = [f"$ {command}" for command in commands] + ([output] if output else [])
    return fence("\n".join(lines), f"console {tag}".rstrip())
