"""Processes that run a submission: what they are asked, and what they answer."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.pipeline.exceptions import find_exception
from recore.pipeline.hints import hint_for
from recore.report.reading import Floats

PROGRAM = Path(__file__).with_name("program.py")
HOST = Path(__file__).parents[3] / "score.py"  # the host's, for the weights
SCRIPTS = ("preprocess.py", "train.py")
MOST = 4  # processes; each holds the model's inputs
# One thread each: matrices are small, and there is a process for each processor
ALONE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
ALONE |= {"PYTHONDONTWRITEBYTECODE": "1"}  # leave nothing in the submission's folder


class SubmissionError(Exception):
    """The submission did not do what it is for; the message says what and where. hint: what to do about it."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class Worker:
    """One process of program.py."""

    def __init__(self, submission: Path, log: Path) -> None:
        command = [sys.executable, "-P", str(PROGRAM), str(submission.resolve())]
        self.submission = submission
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                command,
                cwd=submission,
                env=os.environ | ALONE,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
            )

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Raises ValueError where the submission finds fault with the data, SubmissionError where it fails or ends."""
        assert self.process.stdin is not None  # noqa: S101 - both are pipes
        assert self.process.stdout is not None  # noqa: S101
        line = ""
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps({"do": do, **request}), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        if not line:
            raise SubmissionError(f"the submission's process ended with status {self.process.wait()}: out of memory?")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ValueError(answer["error"]) if answer["data"] else self._explained(answer)
        return answer

    def _explained(self, answer: dict[str, Any]) -> SubmissionError:
        """What the submission raised, where, and what to do about it."""
        exception = find_exception(answer.get("traceback", ""), self.submission)
        if exception is None:
            return SubmissionError(answer["error"])
        return SubmissionError(str(exception), hint_for(exception, "train", self.submission))

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


class Workers:
    """Some processes of one submission and a folder for their arrays. Requests wait for a free one, in order."""

    def __init__(self, submission: Path, count: int) -> None:
        self.submission, self.count = submission, count
        self.free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        self.all: list[Worker] = []
        self.threads = ThreadPoolExecutor(count)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        with tempfile.TemporaryDirectory(prefix="recore-validate-") as folder:
            self.folder = Path(folder)
            try:
                for _ in range(self.count):
                    self.all.append(Worker(self.submission, self.folder / "log"))
                yield
            finally:
                for worker in self.all:
                    worker.end()
                self.threads.shutdown(cancel_futures=True)

    def read(self, file: Path) -> dict[str, Any]:
        """Preprocess a file in one process. Raises SubmissionError."""
        return self.all[0].ask("read", file=str(file.resolve()), into=str(self.folder), score=str(HOST))

    def load(self, told: dict[str, Any], holes: NDArray[Any]) -> None:
        """Hand what one process has read, and the drill hole of each row, on to all."""
        np.save(self.folder / "holes.npy", np.asarray(holes, dtype=str))
        for worker in self.all:
            worker.ask("load", folder=str(self.folder), columns=told["columns"], names=told["names"])
            self.free.put(worker)

    def inputs(self, rows: NDArray[np.intp]) -> Floats:
        """What preprocess.py made of some rows: (rows, bins)."""
        values: Floats = np.load(self.folder / "inputs.npy", mmap_mode="r")[rows]
        return values

    def fit(self, name: str, training: NDArray[np.intp], held: NDArray[np.intp], alpha: float | None) -> Floats:
        """Predictions (held, 49) of a model fitted to the training rows."""
        out = self.folder / f"{name}.npy"
        self._ask("fit", training=training.tolist(), held=held.tolist(), out=str(out), alpha=alpha)
        return _taken(out)

    def sensitivity(self, training: NDArray[np.intp], probes: NDArray[np.intp], seconds: float) -> Floats | None:
        """(bins, 49): program.py says what; None where it would take longer."""
        out = self.folder / "sensitivity.npy"
        asked = {"training": training.tolist(), "probes": probes.tolist(), "out": str(out), "seconds": seconds}
        return None if self._ask("sensitivity", **asked).get("slow") else _taken(out)

    def _ask(self, do: str, **request: Any) -> dict[str, Any]:
        worker = self.free.get()
        try:
            return worker.ask(do, **request)
        finally:
            self.free.put(worker)


def check_submission(folder: Path) -> None:
    """Raises ValueError where no submission is there."""
    for name in SCRIPTS:
        if not (folder / name).is_file():
            raise ValueError(f"{folder}: no {name} there: name the folder of a submission")


def _taken(path: Path) -> Floats:
    values: Floats = np.load(path)
    path.unlink()
    return values


def cpus() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
