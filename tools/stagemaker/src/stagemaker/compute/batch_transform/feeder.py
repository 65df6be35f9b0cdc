"""Split a transform job's objects into requests to a model's servers, and assemble responses into output objects."""

import gzip
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO

from stagemaker.archive_members import open_gzip
from stagemaker.compute.batch_transform.data_processing import DataProcessing, Ticker
from stagemaker.compute.deadline import Deadline
from stagemaker.compute.failure import JobFailed
from stagemaker.compute.files.output_files import StopCheck
from stagemaker.compute.servers.chain import Chain
from stagemaker.compute.servers.container_server import server_of
from stagemaker.compute.servers.response import NoResponse

MAX_MEGABYTES = 100  # total size of all concurrent requests, and of all responses to them


@dataclass(frozen=True)
class Feeder:
    """Splits objects into requests and assembles the responses, as the job specifies. The defaults are SageMaker's.

    seconds: the time limit of an invocation. retries: the number of attempts after the first. processing: selects the
    parts of a record that the model receives, and the parts that are stored with its response.
    """

    split: str = "None"
    strategy: str = "MultiRecord"
    max_megabytes: int = 6
    concurrency: int = 1
    assemble: str = "None"
    content_type: str = ""
    accept: str = ""
    seconds: float = 600.0
    retries: int = 3
    is_compressed: bool = False
    processing: DataProcessing = field(default_factory=DataProcessing)

    def feed(self, chain: Chain, source: Path, target: Path, raise_if_stopping: StopCheck) -> None:
        """Send the object in `source` to a model's servers, and write the responses to `target` in order.

        Only a few requests are in memory at a time. Raises JobFailed, with the server's reason, if a request fails.
        """

        def result(body: bytes) -> bytes:
            request = self.processing.request_body(body, self.max_megabytes << 20, raise_if_stopping)
            response = self._invoke(chain, request, raise_if_stopping)
            return self.processing.result(body, response, self._max_response_bytes, raise_if_stopping)

        with (
            open_gzip(source, raise_if_stopping) if self.is_compressed else open(source, "rb") as objects,
            open(target, "wb") as results,
            ThreadPoolExecutor(self.concurrency) as pool,
        ):
            bodies = self._bodies(objects, Ticker(raise_if_stopping))
            while batch := list(islice(bodies, self.concurrency)):
                for part in pool.map(result, batch):
                    results.write(part)
                    if self.assemble == "Line" and part and not part.endswith(b"\n"):
                        results.write(b"\n")

    def _bodies(self, file: IO[bytes], tick: Ticker) -> Iterator[bytes]:
        is_single_record = self.split == "Line" and self.strategy == "SingleRecord"
        limit, body = self.max_megabytes << 20, bytearray()
        while part := self._read_part(file, limit + 1):
            tick()
            if len(part) > limit:
                subject = "A record" if self.split == "Line" else "An object"
                raise JobFailed(f"ClientError: {subject} is larger than the MaxPayloadInMB of {self.max_megabytes}")
            if body and (is_single_record or len(body) + len(part) > limit):
                yield bytes(body)
                body.clear()
            body += part
        if body:
            yield bytes(body)

    @property
    def _max_response_bytes(self) -> int:
        return (MAX_MEGABYTES << 20) // self.concurrency

    def _read_part(self, file: IO[bytes], limit: int) -> bytes:
        try:
            return file.readline(limit) if self.split == "Line" else file.read(limit)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise JobFailed(f"ClientError: An object is not a gzip file or is corrupted: {error}") from None

    def _invoke(self, chain: Chain, body: bytes, raise_if_stopping: StopCheck) -> bytes:
        members = {"Content-Type": self.content_type, "Accept": self.accept}
        headers = {name: value for name, value in members.items() if value}  # otherwise the container's defaults apply
        failure = ""
        for attempt in range(self.retries + 1):
            raise_if_stopping()
            try:
                response = chain.invoke(body, headers, Deadline(self.seconds), self._max_response_bytes)
            except NoResponse as error:
                failure = f"{server_of(error.container)} failed to handle a request: {error}"
            else:
                if response.status == 200:
                    return response.body
                verb = "rejected" if response.status < 500 else "failed to handle"
                status = f"status {response.status}: {response.text[:700]}"
                failure = f"{server_of(response.container)} {verb} a request: {status}"
                if response.status < 500:
                    break
            time.sleep(min(0.2 * 2**attempt, 2))
        raise JobFailed(f"ClientError: {failure}")
