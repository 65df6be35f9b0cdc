"""Reads each upload in a process of its own: what takes too long or too much memory ends, and holds up nothing else."""

import asyncio
import contextlib
import json
import multiprocessing
import os
import resource
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from recore.dataset import Grid, Spectrum
from recore.web.uploads import Limits, UnusableUploadError, Upload, read_upload
from stagemaker import locked
from stagemaker.machine import count_cores

PROCESSES = count_cores()
SECONDS = 10.0  # a file of 10 MB takes at most half of that
MEMORY = 1 << 30  # bytes besides those of the program itself
LARGEST_MESSAGE = 1 << 28  # bytes
MEMORY_IN_USE = Path("/proc/self/statm")


class ProcessReader:
    """Reads the spectra of uploads, several at a time, each in a process that is forked from one that waits."""

    def __init__(self, grid: Grid, limits: Limits) -> None:
        self._grid, self._limits = grid, limits
        self._threads = ThreadPoolExecutor(PROCESSES, "recore-web-reader")
        self._lock = threading.Lock()  # one process starts or ends at a time: each start looks at the other processes
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__])

    async def __call__(self, name: str, content: bytearray) -> Upload:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, name, content)

    def _read(self, name: str, content: bytearray) -> Upload:
        deadline = time.monotonic() + SECONDS
        answers, end = self._context.Pipe(duplex=False)
        # the folder is made here, because a process that is killed cannot remove its own
        with answers, locked.temporary_folder("recore-web-") as folder:
            task = (end, name, content, self._grid, self._limits, Path(folder))
            process = self._context.Process(target=_answer, args=task, daemon=True)
            try:
                with end, self._lock:
                    process.start()
                # what a process that reads strangers' files sends is not unpickled
                answer = json.loads(_receive(answers, deadline))
                if "error" in answer:
                    raise UnusableUploadError(answer["error"], answer["status"])
                if "failure" in answer:
                    raise RuntimeError(answer["failure"])
                values = np.frombuffer(_receive(answers, deadline)).reshape(-1, len(self._grid.names))
            except EOFError:
                raise UnusableUploadError("it could not be read: its reader ended") from None
            finally:
                with self._lock:
                    if process.pid:
                        process.kill()
                        process.join()
                    process.close()
        spectra = [
            Spectrum("", sample, replicate, self._grid.wavenumbers, absorbance)
            for (sample, replicate), absorbance in zip(answer["names"], values, strict=True)
        ]
        return Upload(spectra, answer["problems"], answer["remarks"])


def _receive(answers: Connection, deadline: float) -> bytes:
    """Receive a message. Raises UnusableUploadError if it does not come in time, EOFError if it never comes."""
    if not answers.poll(max(deadline - time.monotonic(), 0)):
        raise UnusableUploadError(f"it cannot be read within {SECONDS:.0f} seconds")
    try:
        return answers.recv_bytes(LARGEST_MESSAGE)
    except OSError as error:
        if answers.closed:  # because the message is longer
            raise UnusableUploadError("it holds more than can be answered") from None
        raise EOFError from error  # the process was killed in the middle of it


def _answer(end: Connection, name: str, content: bytearray, grid: Grid, limits: Limits, folder: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this process
    _limit_memory()
    values = b""
    try:
        upload = read_upload(name, content, grid, limits, folder)
        names = [(spectrum.sample, spectrum.replicate) for spectrum in upload.spectra]
        answer = {"names": names, "problems": upload.problems, "remarks": upload.remarks}
        values = np.array([spectrum.absorbance for spectrum in upload.spectra], dtype=float).tobytes()
    except UnusableUploadError as error:
        answer = {"error": str(error), "status": error.status}
    except MemoryError:
        answer = {"error": "reading it takes more memory than it may", "status": 422}
    except Exception as error:
        answer = {"failure": repr(error)}
    with contextlib.suppress(BrokenPipeError):  # the server was killed
        end.send_bytes(json.dumps(answer).encode())
        if values:
            end.send_bytes(values)


def _limit_memory() -> None:
    if MEMORY_IN_USE.exists():
        in_use = int(MEMORY_IN_USE.read_text("ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        largest = in_use + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (largest if hard < 0 else min(largest, hard), hard))
