from dataclasses import dataclass, field
from pathlib import Path

import pytest
from recore_support.run_command import file_options
from recore_support.submission_runs import FinishedRun, other_entries, run_submission, variant

PIPELINE = ("preprocess", "predict", "score")
TRAINING, ALL_DATA, PRIVATE = ("train",), ("public", "private"), ("private",)
ADVICE = {  # the advice for each step if the exception is not a known one
    "train": "look at: train.py",
    "preprocess": "look at: preprocess.py, which runs without the other files",
    "predict": "look at: model_fn, input_fn, predict_fn and output_fn of train.py, which run in a different process",
    "score": "look at: the predictions, one line per row of the data",
}


@dataclass(frozen=True)
class Failure:
    """Edits to a working submission, and the step that then fails. logged: a line in its log, by default the reason."""

    step: str
    reason: str
    changes: dict[str, tuple[str, str]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    logged: str = ""
    advice: str = ""
    splits: tuple[str, ...] = ALL_DATA

    @property
    def failed_steps(self) -> list[str]:
        return ["train"] if self.step == "train" else [f"{split} {self.step}" for split in self.splits]


def change(file: str, old: str, new: str) -> dict[str, tuple[str, str]]:
    return {"changes": {file: (old, new)}}


RETURN_LINE, INPUTS_EXPRESSION = "    return input_data.splitlines()[1:]", "*(row[name] for name in channels)"
FAILURES = {
    "training raises an exception": Failure(
        "train",
        "OSError: no copper here (train.py, line 28, in main)",
        logged="OSError: no copper here",
        **change("train.py", "def main():", "def main():\n    raise OSError('no copper here')"),
    ),
    "targets as inputs": Failure(
        "preprocess",
        "KeyError: 'CuPPM' (preprocess.py, line 20, in main)",
        logged="KeyError: 'CuPPM'",
        **change("preprocess.py", INPUTS_EXPRESSION, 'row["CuPPM"]'),
        splits=PRIVATE,
    ),
    "a module next to preprocess.py": Failure(
        "preprocess",
        "ModuleNotFoundError: No module named 'channels' (preprocess.py, line 7, in <module>)",
        {
            "setup.py": ('"train"', '"train", "channels"'),
            "preprocess.py": ("import os\n", "import os\n\nimport channels\n"),
        },
        {"channels": ""},
        logged="ModuleNotFoundError: No module named 'channels'",
        advice="move the code that is needed from channels.py into preprocess.py",
    ),
    "one row too few": Failure(
        "score",
        "score.py: /opt/ml/processing/input/predictions/public.csv.out: ",
        logged=", 49): write one line per row and one column per target, without a header or index",
        **change("train.py", "in prediction)", "in prediction[1:])"),
    ),
    "a package that no index has": Failure(
        "train",
        "requirements.txt could not be installed: ERROR: No matching distribution found for no-such-package==1.0",
        files={"requirements.txt": "no-such-package==1.0\n", "MANIFEST.in": "include requirements.txt\n"},
        logged="ERROR: No matching distribution found for no-such-package==1.0",
        advice="correct the name or the version in requirements.txt, line 1, `no-such-package==1.0`",
    ),
    "no model": Failure(
        "train",
        "the training job wrote no file to SM_MODEL_DIR",
        logged="no model was saved",
        **change("train.py", "    main()", "    print('no model was saved')"),
    ),
    "no inputs": Failure(
        "preprocess",
        "preprocess.py did not write public.csv",
        **change("preprocess.py", "    main()", "    print('no inputs were saved')"),
        logged="no inputs were saved",
    ),
    "a server that rejects requests": Failure(
        "predict",
        "ValueError: cannot read text/csv (train.py, line 16, in input_fn)",
        logged="ValueError: cannot read text/csv",
        **change("train.py", RETURN_LINE, "    raise ValueError(f'cannot read {content_type}')"),
    ),
    "a server that ends": Failure(
        "predict",
        "the server did not respond",
        **change("train.py", RETURN_LINE, "    os._exit(3)"),
        logged="exited with code 3",
    ),
    "no number in the predictions": Failure(
        "score", "every prediction is empty", **change("train.py", "np.tile(model,", "np.tile(model * np.nan,")
    ),
}
FAST_CASE = "a server that ends"  # not marked as slow; its reason is the same for public and private data


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == FAST_CASE else pytest.mark.slow) for name in FAILURES]
)
def test_a_failure_is_explained_and_its_files_are_kept(name: str, tmp_path: Path, sample: Path) -> None:
    failure = FAILURES[name]
    submission = variant(tmp_path / "submission", failure.changes, **failure.files)
    # without an index, pip's message about a missing package does not depend on the network
    result = run_submission(submission, tmp_path / "runs/run", *file_options(sample), PIP_NO_INDEX="1")
    assert result.status == 1, result.stderr
    # no command starts a script with private data, but pip does not read them
    assert ("to see only the error" in result.stderr) == ("could not be installed: ERROR" in failure.reason)
    explained_reasons: set[str] = set()
    for step in failure.failed_steps:
        assert failure.reason in result.reason(step)
        if result.reason(step) in explained_reasons:
            assert (
                f"recore: {step} failed for the same reason; its log: {result.log(step)}" in result.stderr.splitlines()
            )
            continue
        explained_reasons.add(result.reason(step))
        lines = explanation_of(result, step)
        assert lines[0].startswith(f"recore: {step} failed: ")
        assert failure.reason in lines[0]
        assert lines[1].startswith(f"  fix: {failure.advice}" if failure.advice else f"  {ADVICE[failure.step]}")
        assert lines[-1] == f"  its log: {result.log(step)}"
        assert not any("sagemaker-training" in line for line in lines)
        assert (failure.logged or failure.reason) in result.log(step).read_text()
    check_remaining_results(result, failure.failed_steps)
    is_private = failure.failed_steps[0].startswith("private")
    command = f"less {result.log(failure.failed_steps[0])}" if is_private else f"recore check {submission} "
    assert command in result.stdout.splitlines()[-1].removeprefix("next: ")


def explanation_of(result: FinishedRun, step: str) -> list[str]:
    """Return a failed step's own line on stderr and the indented lines below it."""
    lines = result.stderr.splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith(f"recore: {step} failed: "))
    last = next((index for index in range(first + 1, len(lines)) if lines[index][:1] != " "), len(lines))
    return lines[first:last]


def check_remaining_results(result: FinishedRun, failed_steps: list[str]) -> None:
    assert not [line for line in result.stderr.splitlines() if line.startswith(("Traceback", "Exception"))]
    assert all(character.isprintable() or character == "\n" for character in result.stderr)
    assert result.stderr.count("recore: ") == len(failed_steps)
    expected = {"upload": "Completed", "train": "Completed", "clean up": "Completed"}
    for split in ALL_DATA:
        names = [f"{split} {step}" for step in PIPELINE]
        first_failed = (
            0
            if "train" in failed_steps
            else next((n for n, name in enumerate(names) if name in failed_steps), len(names))
        )
        expected |= {name: "Completed" if index < first_failed else "Waiting" for index, name in enumerate(names)}
    expected["held-out score"] = "Waiting" if "train" in failed_steps else "Completed"
    expected |= dict.fromkeys(failed_steps, "Failed")
    assert result.record["state"] == "Failed"
    assert result.states == expected
    assert (result.folder / "model.tar.gz").is_file() == (expected["train"] == "Completed")
    for step, folder, suffix in (("predict", "predictions", "csv.out"), ("score", "scores", "txt")):
        files = {path.name for path in (result.folder / folder).glob(f"*.{suffix}")}
        assert files == {f"{split}.{suffix}" for split in ALL_DATA if expected[f"{split} {step}"] == "Completed"}
    assert set(result.record["scores"]) == {split for split in ALL_DATA if expected[f"{split} score"] == "Completed"}
    assert {path.stem for path in (result.folder / "logs").iterdir()} == {
        step["name"].replace(" ", "-") for step in result.record["steps"] if step["job"]
    }
    assert str(result.folder) in result.stdout
    assert other_entries(result.folder) == []


PRINTING_MAIN = r"""def main():
    print("\x1b[2J\x1b]0;title\x07\x9b31m\u202e" + chr(0) + "over\rwritten")
    print("a" * (1 << 20), "b" * (1 << 20), sep="\n", flush=True)
    raise SystemExit("\x1b[1A\x1b[2Kall is well")
"""


def test_a_jobs_control_characters_do_not_reach_the_terminal(tmp_path: Path, sample: Path) -> None:
    submission = variant(tmp_path / "submission", {"preprocess.py": ("def main():\n", PRINTING_MAIN)})
    result = run_submission(submission, tmp_path / "runs/run", *file_options(sample))
    assert result.status == 1
    check_remaining_results(result, ["public preprocess", "private preprocess"])
    assert max(map(len, result.stderr.splitlines())) < 700
    lines = explanation_of(result, "public preprocess")
    assert "    ?[1A?[2Kall is well" in lines
    log = result.log("public preprocess").read_bytes()
    assert log.count(b"a") > 1 << 20
    assert b"\x1b[2J\x1b]0;title\x07" in log
