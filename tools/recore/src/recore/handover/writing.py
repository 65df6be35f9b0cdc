"""Write the folder of a handover atomically."""

import gzip
import itertools
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recore.atomic import replace_paths
from recore.challenge import challenge
from recore.data_file import open_data
from recore.evaluation import RunPrediction, Step, StepFailed, sha256_of
from recore.handover import readme, steps
from recore.handover.model_card import measure_domain, write_card
from recore.handover.packages import list_packages, write_requirements
from recore.handover.run_files import MODEL, RECORD, SCORE, SUBMISSION, HandoverRun
from recore.handover.target_figures import TargetFigures, measure_targets
from recore.handover.wheel import write_wheels
from recore.outputs import check_writable
from recore.production.handover_files import CONTENTS, SUMS
from recore.untrusted_json import get, read_object
from stagemaker import locked
from stagemaker.machine import machine_info

SAMPLE_ROWS = 10


class NotReproducedError(Exception):
    """The model does not reproduce the run's predictions; the message states the difference."""


@dataclass(frozen=True)
class Handover:
    folder: Path
    files: list[str]
    figures: list[TargetFigures]

    def to_dict(self) -> dict[str, Any]:
        targets = {each.name: each.to_dict() for each in self.figures}
        return {"folder": str(self.folder), "files": self.files, "targets": targets}


def check_output_folder(folder: Path) -> None:
    """Raise OSError unless a handover can be written to a folder or replace an earlier handover there."""
    check_writable(folder)
    if not os.path.lexists(folder):
        return
    try:
        if not folder.is_symlink() and not os.listdir(folder):
            return
        listed_names = {CONTENTS, SUMS, *get(read_object(folder / CONTENTS), "files", list)}
        replaceable = not folder.is_symlink() and set(_names(folder)) <= listed_names
    except (OSError, ValueError, TypeError):
        replaceable = False
    if not replaceable:
        raise FileExistsError(f"{folder}: the folder also contains other files; move them, or choose another --out")


def write_handover(
    run: HandoverRun,
    cut_offs: Mapping[str, float],
    predict: Callable[..., RunPrediction],
    folder: Path,
    watch: Callable[[Step], None],
) -> Handover:
    """Write a run's handover, or replace an earlier one.

    predict: predict_with_run(), bound to an open backend. Raises StepFailed, NotReproducedError, ValueError or OSError.
    """
    check_output_folder(folder)
    figures = measure_targets(run, cut_offs)
    packages = list_packages(run.submission, run.versions)
    with replace_paths(folder) as [new], locked.temporary_folder("recore-handover-") as scratch:
        (new / "sample").mkdir(parents=True)
        rows = write_sample(run, new / "sample")
        spectra = new / "sample/spectra.csv.gz"
        try:
            prediction = predict(run.model, run.submission.script, run.instances, spectra, Path(scratch), watch)
        except StepFailed as error:
            raise StepFailed(f"the example request of {rows} rows failed: {error}") from error
        _check_equal(new / "sample/predictions.csv", prediction)
        _copy_files(run, prediction, new)
        domain = measure_domain(run)
        for name, content in run.trained.data_files().items():
            (new / name).write_text(content, "utf-8")
        wheels = write_wheels(new, run.submission.files)
        (new / "requirements.txt").write_text(write_requirements(packages), "utf-8")
        machine = machine_info()
        (new / "MODEL_CARD.md").write_text(write_card(run, figures, domain, packages, machine), "utf-8")
        page = readme.write_readme(run, prediction, rows, set(_names(new)), wheels)
        (new / "README.md").write_text(page, "utf-8")
        files = sorted(_names(new))
        result = Handover(folder, [*files, CONTENTS, SUMS], figures)
        contents = {**result.to_dict(), "folder": folder.name, "files": files, "written_on": machine}
        (new / CONTENTS).write_text(json.dumps(contents, indent=1) + "\n", "utf-8")
        (new / SUMS).write_text("".join(_sum_line(new, name) for name in sorted([*files, CONTENTS])), "utf-8")
        check_output_folder(folder)  # the folder may have changed in the meantime
    return result


def _copy_files(run: HandoverRun, prediction: RunPrediction, new: Path) -> None:
    for name, content in run.submission.files.items():
        path = new / SUBMISSION / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (new / SCORE).write_bytes(run.score_script)
    shutil.copyfile(steps.__file__, new / "steps.py")
    shutil.copyfile(run.model, new / MODEL)
    (new / RECORD).write_text(json.dumps(run.portable_record, indent=1) + "\n", "utf-8")
    for name in run.results:
        (new / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(run.folder / name, new / name, follow_symlinks=False)
    shutil.copyfile(prediction.request, new / "request.csv")
    shutil.copyfile(prediction.response, new / "answer.csv")


def _check_equal(expected: Path, prediction: RunPrediction) -> None:
    pair = [steps.read_cells(path, challenge().targets) for path in (expected, prediction.response)]
    try:
        largest = steps.largest_difference(*pair)
    except ValueError as error:
        raise NotReproducedError(
            f"the model's predictions cannot be compared with the run's: {error}; nothing was written"
        ) from None
    if largest > steps.TOLERANCE:
        raise NotReproducedError(
            f"the model's predictions differ from the run's by up to {largest:.3g}: they are random, depend on other "
            "rows of the file, or are exact to fewer than five digits, as in half precision; nothing was written"
        )


def _names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]


def _sum_line(folder: Path, name: str) -> str:
    """Return a file's line in sha256sum's format, which escapes backslashes and line breaks in names."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == name else chr(92)}{sha256_of(folder / name)}  {escaped}\n"


def write_sample(run: HandoverRun, folder: Path) -> int:
    """Write evenly spaced rows to spectra.csv.gz and predictions.csv, and return their number. Raises ValueError."""
    rows = run.data.rows
    row_indices = {number * rows // min(SAMPLE_ROWS, rows) for number in range(min(SAMPLE_ROWS, rows))}
    with open_data(run.public) as data, gzip.GzipFile(folder / "spectra.csv.gz", "wb", mtime=0) as packed:
        table = data.rows()
        header = next(table)
        columns = [column for column, name in enumerate(header) if not column or name not in challenge().targets]
        for cells in itertools.chain([header], (row for number, row in enumerate(table) if number in row_indices)):
            packed.write((",".join(_quote(cells[column]) for column in columns) + "\n").encode())
    predictions = (run.folder / "predictions/public.csv.out").read_text("utf-8").splitlines()
    if len(predictions) != rows:
        raise ValueError(f"{run.folder}/predictions/public.csv.out: {len(predictions)} lines, but {rows} were expected")
    lines = [predictions[number] for number in sorted(row_indices)]
    (folder / "predictions.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return len(row_indices)


def _quote(cell: str) -> str:
    quoted = cell.replace('"', '""')
    return f'"{quoted}"' if any(mark in cell for mark in ',"\r\n') else cell
