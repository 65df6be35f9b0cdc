"""Read each upload in a separate process, which is killed if it takes too much time or memory."""

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
SECONDS = 10.0  # a file of 10 MB takes at most half of this time
MEMORY = 1 << 30  # bytes, in addition to the memory of the program itself
MAX_MESSAGE = 1 << 28  # bytes
MEMORY_IN_USE = Path("/proc/self/statm")


class ProcessReader:
    """Reads several uploads at a time, each in a separate process that a fork server starts."""

    def __init__(self, grid: Grid, limits: Limits) -> None:
        self._grid, self._limits = grid, limits
        self._threads = ThreadPoolExecutor(PROCESSES, "recore-web-reader")
        self._lock = threading.Lock()  # one process starts or ends at a time, because each start inspects the others
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__])

    async def __call__(self, name: str, content: bytearray) -> Upload:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, name, content)

    def _read(self, name: str, content: bytearray) -> Upload:
        deadline = time.monotonic() + SECONDS
        responses, end = self._context.Pipe(duplex=False)
        # the folder is created here, because a process that is killed cannot remove it
        with responses, locked.temporary_folder("recore-web-") as folder:
            task = (end, name, content, self._grid, self._limits, Path(folder))
            process = self._context.Process(target=_read_in_process, args=task, daemon=True)
            try:
                with end, self._lock:
                    process.start()
                # the output of a process that reads untrusted files is never unpickled
                response = json.loads(_receive(responses, deadline))
                if "error" in response:
                    raise UnusableUploadError(response["error"], response["status"])
                if "failure" in response:
                    raise RuntimeError(response["failure"])
                values = np.frombuffer(_receive(responses, deadline)).reshape(-1, len(self._grid.names))
            except EOFError:
                raise UnusableUploadError("it could not be read: the process that read it stopped") from None
            finally:
                with self._lock:
                    if process.pid:
                        process.kill()
                        process.join()
                    process.close()
        spectra = [
            Spectrum("", sample, replicate, self._grid.wavenumbers, absorbance)
            for (sample, replicate), absorbance in zip(response["names"], values, strict=True)
        ]
        return Upload(spectra, response["problems"], response["remarks"])


def _receive(responses: Connection, deadline: float) -> bytes:
    """Receive a message. Raises UnusableUploadError if it is late or too long, EOFError if the sender has exited."""
    if not responses.poll(max(deadline - time.monotonic(), 0)):
        raise UnusableUploadError(f"it cannot be read within {SECONDS:.0f} seconds")
    try:
        return responses.recv_bytes(MAX_MESSAGE)
    except OSError as error:
        if responses.closed:  # the message is too long
            raise UnusableUploadError("its spectra are too large for a response") from None
        raise EOFError from error  # the process was killed while it was sending


def _read_in_process(end: Connection, name: str, content: bytearray, grid: Grid, limits: Limits, folder: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which stops this process
    _limit_memory()
    values = b""
    try:
        upload = read_upload(name, content, grid, limits, folder)
        names = [(spectrum.sample, spectrum.replicate) for spectrum in upload.spectra]
        response = {"names": names, "problems": upload.problems, "remarks": upload.remarks}
        values = np.array([spectrum.absorbance for spectrum in upload.spectra], dtype=float).tobytes()
    except UnusableUploadError as error:
        response = {"error": str(error), "status": error.status}
    except MemoryError:
        response = {"error": "reading it takes more memory than is allowed", "status": 422}
    except Exception as error:
        response = {"failure": repr(error)}
    with contextlib.suppress(BrokenPipeError):  # the server was killed
        end.send_bytes(json.dumps(response).encode())
        if values:
            end.send_bytes(values)


def _limit_memory() -> None:
    if MEMORY_IN_USE.exists():
        used_bytes = int(MEMORY_IN_USE.read_text("ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
        hard_limit = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = used_bytes + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard_limit < 0 else min(limit, hard_limit), hard_limit))
