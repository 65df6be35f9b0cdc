"""Start and stop the worker processes that run a submission, and send them requests."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.challenge import challenge
from recore.data_file import compress_csv
from recore.failures import find_exception, fix_for, format_exit, memory_fix
from recore.spectral_data import Floats, Rows
from recore.thread_pool import ThreadPool, result_of
from stagemaker import locked
from stagemaker.machine import THREAD_VARIABLES, count_cores

PROGRAM = Path(__file__).with_name("program.py")
SCRIPTS = ("preprocess.py", "train.py")
MAX_WORKERS = 4  # each holds the model's inputs in memory
ENVIRONMENT = {
    # the matrices are small, and there is a process for each core
    **dict.fromkeys(THREAD_VARIABLES, "1"),
    "PYTHONDONTWRITEBYTECODE": "1",  # nothing is written to the submission's folder
}


class SubmissionError(Exception):
    """The submission failed; the message says how and where. fix: how to correct it."""

    def __init__(self, message: str, fix: str | None = None) -> None:
        super().__init__(message)
        self.fix = fix


class Worker:
    """A process that runs program.py. minutes: the wall-clock limit for each request."""

    def __init__(self, submission: Path, log: Path, minutes: float) -> None:
        self.submission, self.minutes, self.timed_out = submission, minutes, False
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-P", str(PROGRAM), str(submission.resolve())],
                cwd=submission,
                env=os.environ | ENVIRONMENT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                process_group=0,  # a terminal's Ctrl-C is for this process, which stops the worker
            )

    def call(self, request: str, **arguments: Any) -> dict[str, Any]:
        """Call a method of SubmissionScripts in the process, and return the response. request: the method's name.

        Raises ValueError if the submission rejects the data, SubmissionError if it fails, exits or takes too long.
        """
        assert self.process.stdin is not None  # noqa: S101 - both are pipes
        assert self.process.stdout is not None  # noqa: S101
        line = ""
        timer = threading.Timer(60 * self.minutes, self._time_out)
        timer.daemon = True  # the command ends without it
        timer.start()
        try:
            with contextlib.suppress(BrokenPipeError):
                print(json.dumps({"request": request, **arguments}), file=self.process.stdin, flush=True)
                line = self.process.stdout.readline()
        finally:
            timer.cancel()
        if self.timed_out:
            raise SubmissionError(
                f"the submission did not finish within {self.minutes:g} minutes "
                f"(request: {request}) and was stopped; --fit-time-limit sets this limit"
            )
        if not line:
            message = f"the submission's process stopped: {format_exit(self.process.wait())}"
            raise SubmissionError(message, memory_fix(message))
        response: dict[str, Any] = json.loads(line)
        if "error" in response:
            raise ValueError(response["error"]) if response["data"] else self._submission_error(response)
        return response

    def _submission_error(self, response: dict[str, Any]) -> SubmissionError:
        exception = find_exception(response.get("traceback", ""), self.submission)
        if exception is None:
            return SubmissionError(response["error"])
        return SubmissionError(str(exception), fix_for(exception, "train", self.submission))

    def _time_out(self) -> None:
        self.timed_out = True
        self._kill()

    def _kill(self) -> None:
        """Kill the process and its descendants, which may hold its pipes open."""
        import psutil

        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.process.pid)
            process.suspend()  # so that it cannot start another process after its children are listed
            for child in process.children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    child.kill()
        self.process.kill()

    def stop(self) -> None:
        self._kill()
        self.process.communicate()


class Workers:
    """Worker processes of a submission, and a folder for their arrays. Requests wait for a free worker.

    minutes: the time limit of each request. Raises ValueError if the folder does not contain a submission.
    """

    def __init__(self, submission: Path, minutes: float) -> None:
        for name in SCRIPTS:
            if not (submission / name).is_file():
                raise ValueError(f"{submission}: this folder contains no {name}; specify the folder of a submission")
        self.submission, self.minutes = submission, minutes
        self.count = min(MAX_WORKERS, count_cores())
        self.threads = ThreadPool(self.count)
        self._workers: list[Worker] = []
        self._free_workers: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        self._starting, self._stopped = threading.Lock(), False

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        with locked.temporary_folder("recore-validate-") as folder:
            self.folder = Path(folder)
            try:
                for _ in range(self.count):
                    self._start()
                yield
            finally:
                with self._starting:
                    self._stopped = True
                for worker in self._workers:
                    worker.stop()
                self.threads.shutdown(cancel_futures=True)

    def _start(self) -> Worker:
        worker = Worker(self.submission, self.folder / "log", self.minutes)
        self._workers.append(worker)
        return worker

    def preprocess(self, file: Path) -> dict[str, Any]:
        """Preprocess a data file in one worker, and return a description of the inputs and targets."""
        with compress_csv(file) as path:
            return self._workers[0].call(
                "preprocess_file", file=str(path.resolve()), folder=str(self.folder), names=list(challenge().targets)
            )

    def load(self, description: dict[str, Any], holes: NDArray[Any]) -> None:
        """Load the preprocessed data and each row's drill hole into all workers."""
        np.save(self.folder / "holes.npy", np.asarray(holes, dtype=str))
        self._loading = {"folder": str(self.folder), "columns": description["columns"], "names": description["names"]}
        loads = [self.threads.submit(worker.call, "load", **self._loading) for worker in self._workers]
        for worker, load in zip(self._workers, loads, strict=True):
            result_of(load)
            self._free_workers.put(worker)

    def inputs(self, rows: Rows) -> Floats:
        """Return the output of preprocess.py for some rows: (rows, bins)."""
        return np.asarray(np.load(self.folder / "inputs.npy", mmap_mode="r")[rows])

    def fit(self, name: str, training: Rows, held_out: Rows, arguments: Mapping[str, Any]) -> Floats:
        """Return the predictions (held_out, targets) of a model fitted to the training rows.

        name: unique to the fit. arguments: hyperparameters that differ from their defaults.
        """
        rows = {"training": training.tolist(), "held_out": held_out.tolist()}
        return self._calculate("fit", name, **rows, arguments=dict(arguments))[0]

    def sensitivity(self, training: Rows, probes: Rows, seconds: float) -> tuple[Floats, int]:
        """Return the sensitivity (bins, targets) computed by program.py, and the number of probe rows used."""
        rows = {"training": training.tolist(), "probes": probes.tolist()}
        slopes, response = self._calculate("sensitivity", "sensitivity", **rows, seconds=seconds)
        return slopes, response["probes"]

    def _calculate(self, request: str, name: str, **arguments: Any) -> tuple[Floats, dict[str, Any]]:
        """Send a request to a free worker. Return the array that it saves as `name`.npy, and the response."""
        file = self.folder / f"{name}.npy"
        worker = self._free_workers.get()
        try:
            response = worker.call(request, **arguments, file=str(file))
        finally:
            self._free_workers.put(worker if worker.process.poll() is None else self._replace(worker))
        values: Floats = np.load(file)
        file.unlink()
        return values, response

    def _replace(self, ended: Worker) -> Worker:
        """Replace a worker whose process has exited, because fits with other hyperparameters may still succeed."""
        with self._starting:  # do not replace it while the workers are being stopped
            if self._stopped:
                return ended
            worker = self._start()
        worker.call("load", **self._loading)
        return worker
