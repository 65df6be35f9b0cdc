"""A multi-model endpoint's servers on one instance: one for each model, started when the model is first invoked."""

import contextlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from stagemaker.compute.deadline import Deadline
from stagemaker.compute.failure import JobFailed, JobStopped
from stagemaker.compute.files.removal import remove
from stagemaker.compute.files.transfers import has_objects, parse
from stagemaker.compute.job import Job
from stagemaker.compute.logs.log_stream import JobLog
from stagemaker.compute.platform import Platform
from stagemaker.compute.processes.memory_use import read_shares
from stagemaker.compute.servers.chain import Chain, named_containers
from stagemaker.compute.servers.client import MAX_BODY_BYTES
from stagemaker.compute.servers.response import Disconnected, NoResponse, Response, TimedOut
from stagemaker.isolation.instances import Instance
from stagemaker.protocol.errors import ServiceError
from stagemaker.state.records import Record

logger = logging.getLogger(__name__)

TARGET_MODEL = "X-Amzn-SageMaker-Target-Model"
MISSING = (
    "Failed to download model data(bucket: {}, key: {}). Please ensure that there is an object located at the URL and "
    "that the role passed to CreateModel has permissions to download the model."
)


def is_multi_model(model: Record) -> bool:
    """Return whether a model's container serves all models below a prefix."""
    return any(container.get("Mode") == "MultiModel" for _, container in named_containers(model))


@dataclass(eq=False)
class LoadedModel:
    """A model that is loaded, or will be. chain: its server, once it is ready. uses: its invocations in progress."""

    name: str
    chain: Future[Chain] = field(default_factory=Future)
    uses: int = 0

    @property
    def is_loading(self) -> bool:
        return not self.chain.done()

    def has_ended(self) -> bool:
        """Return whether the model's server was ready and has ended, for which only the model is to blame."""
        return self.chain.done() and self.chain.result().failure() is not None


class MultiModelServer:
    """The servers of the models below a prefix, which share an instance's memory. Used like a Chain, and thread-safe.

    Before a model is loaded, those that were not used for longest are unloaded until another one of the largest one's
    size fits. A model that does not load, or whose server ends, affects no other, and is loaded again when it is next
    invoked.
    """

    def __init__(
        self,
        platform: Platform,
        job: Job,
        model: Record,
        log: JobLog,
        instance: Instance,
        name: str,
        startup_seconds: float,
    ):
        ((_, self._container),) = named_containers(model)
        self._platform, self._job, self._model, self._log = platform, job, model, log
        self._name, self._startup_seconds = name, startup_seconds
        self._memory_use = job.path / name / ".memory"
        self._instance = replace(instance, memory_use=self._memory_use)
        self._models: OrderedDict[str, LoadedModel] = OrderedDict()  # the most recently used last
        self._threads: set[threading.Thread] = set()
        self._count = 0
        self._lock = threading.Lock()
        self._making_room = threading.Lock()

    def images(self) -> list[tuple[str, JobLog]]:
        return [(self._container["Image"], self._log)]

    def __enter__(self) -> "MultiModelServer":
        (self._job.folder / self._name).mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        self._job.stop()
        with self._lock:
            threads, models = list(self._threads), list(self._models.values())
        for thread in threads:
            thread.join()
        for model in models:
            if not model.chain.exception():
                model.chain.result().stop()

    def wait_until_ready(self, seconds: float = 0, is_busy: Callable[[], bool] | None = None) -> None:
        """Do nothing: an instance without a loaded model is ready."""

    def failure(self) -> None:
        """Return None: a model's failure is its own."""

    def memory_in_use(self) -> list[int]:
        """Return the bytes of memory that each server uses or used; 0 for those that have ended."""
        return read_shares(self._memory_use)

    def invoke(
        self, body: bytes, headers: Mapping[str, str], deadline: Deadline, max_bytes: int = MAX_BODY_BYTES
    ) -> Response:
        """Return the response of the model that the header names. Raises NoResponse, or ServiceError if it is missing.

        A model that is still loading at the deadline goes on loading.
        """
        name = headers[TARGET_MODEL]
        with self._in_use(name) as model:
            try:
                chain = model.chain.result(deadline.seconds_left)
            except TimeoutError:
                raise TimedOut(f"the model is still loading after {deadline.seconds:g} s", name) from None
            except JobFailed as error:
                return Response(500, {}, str(error).encode(), name)
            except JobStopped:
                raise NoResponse("the endpoint is being deleted or updated", name) from None
            try:
                return chain.invoke(body, headers, deadline, max_bytes)
            except Disconnected:
                self._check(model, chain)
                raise

    @contextlib.contextmanager
    def _in_use(self, name: str) -> Iterator[LoadedModel]:
        with self._lock:
            model = self._models.get(name)
            ended = self._models.pop(name) if model and model.has_ended() else None
            if model is None or ended:
                model = self._models[name] = LoadedModel(name)
                self._count += 1
                thread = threading.Thread(target=self._load, args=(model, f"{self._name}/model-{self._count}"))
                self._threads.add(thread)
                thread.start()
            self._models.move_to_end(name)
            model.uses += 1
        try:
            if ended:
                self._unload(ended, "its server ended")
            yield model
        finally:
            with self._lock:
                model.uses -= 1

    def _check(self, model: LoadedModel, chain: Chain) -> None:
        """Wait until a model's server answers again after it closed a connection, or unload the model if it ended."""
        try:
            chain.wait_until_ready(self._startup_seconds, lambda: model.uses > 1)
        except JobFailed:
            with self._lock:
                was_loaded = self._models.get(model.name) is model
                if was_loaded:
                    del self._models[model.name]
            if was_loaded:
                self._unload(model, "its server ended")
        except JobStopped:
            return

    def _load(self, model: LoadedModel, folder: str) -> None:
        start_time = time.monotonic()
        try:
            chain = self._make_chain(model.name, folder)
            with self._making_room:
                self._make_room()
            with contextlib.ExitStack() as stack:
                stack.enter_context(chain)
                chain.wait_until_ready(self._startup_seconds)
                stack.pop_all()
            self._log.line(f"Loaded model {model.name} in {time.monotonic() - start_time:.1f} s")
            self._log.deliver()
            model.chain.set_result(chain)
        except BaseException as error:
            with self._lock:  # the next invocation loads it again
                self._models.pop(model.name, None)
            if not isinstance(error, JobFailed | JobStopped | ServiceError):
                logger.exception("%s", model.name)
                error = JobFailed(f"InternalServerError: {error!r}")
            model.chain.set_exception(error)
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _make_chain(self, name: str, folder: str) -> Chain:
        uri = f"{self._container['ModelDataUrl'].rstrip('/')}/{name.lstrip('/')}"
        if not has_objects(self._platform.s3, uri, is_prefix=False):
            raise ServiceError("ValidationError", MISSING.format(*parse(uri)))
        members = {member: value for member, value in self._container.items() if member != "Mode"}
        container = members | {"ModelDataUrl": uri, "ContainerHostname": name}
        model = {member: value for member, value in self._model.items() if member != "Served"}
        model = model | {"Containers": [container]}
        model.pop("PrimaryContainer", None)
        environment = {"SAGEMAKER_MULTI_MODEL": "true"}
        return Chain(self._platform, self._job, model, self._log, self._instance, folder, environment)

    def _make_room(self) -> None:
        while (shares := self.memory_in_use()) and sum(shares) + max(shares) > self._instance.memory:
            with self._lock:
                idle = (each for each in self._models.values() if not each.uses and not each.is_loading)
                model = next(idle, None)
                if model is None:  # all are in use: if the new one does not fit, its failure says so
                    return
                del self._models[model.name]
            self._unload(model, "others need its memory")

    def _unload(self, model: LoadedModel, reason: str) -> None:
        chain = model.chain.result()
        chain.stop()
        remove(chain.folder)
        self._log.line(f"Unloaded model {model.name}: {reason}")
        self._log.deliver()
