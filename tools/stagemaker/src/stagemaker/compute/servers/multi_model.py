"""A multi-model endpoint's servers on one instance: one for each model, started when the model is first invoked."""

import contextlib
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
from stagemaker.compute.servers.response import Disconnected, NoResponse, Response
from stagemaker.isolation.instances import Instance
from stagemaker.protocol.errors import ServiceError
from stagemaker.state.records import Record
from stagemaker.text import printable_logger

logger = printable_logger(__name__)

TARGET_MODEL = "X-Amzn-SageMaker-Target-Model"
IS_ENDING = "the endpoint is being deleted or updated"
MISSING_MODEL = (
    "Failed to download model data(bucket: {}, key: {}). Please ensure that there is an object located at the URL and "
    "that the role passed to CreateModel has permissions to download the model."
)


def is_multi_model(model: Record) -> bool:
    """Return whether a model's container serves all models below a prefix."""
    return any(container.get("Mode") == "MultiModel" for _, container in named_containers(model))


@dataclass(eq=False)
class TargetModel:
    """A loaded or loading model. chain: its server, once it is ready. uses: the number of its current invocations."""

    name: str
    chain: Future[Chain] = field(default_factory=Future)
    uses: int = 0

    @property
    def is_loaded(self) -> bool:
        return self.chain.done() and self.chain.exception() is None

    @property
    def has_ended(self) -> bool:
        """Whether the model's server was ready but has since ended. Only the model itself can have caused this."""
        return self.is_loaded and self.chain.result().failure() is not None


class MultiModelServer:
    """The servers of the models below a prefix, which share an instance's memory. Used like a Chain; thread-safe.

    Before a model is loaded, the least recently used models are unloaded until there is room for a model as large as
    the largest loaded one. If the new model needs even more memory, all models that are not in use are unloaded. A
    model that fails to load, or whose server ends, does not affect others, and is loaded again at its next invocation.
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
        self._models: OrderedDict[str, TargetModel] = OrderedDict()  # the most recently used last
        self._threads: set[threading.Thread] = set()  # the threads that load models
        self._is_ending = False
        self._count = 0
        self._lock = threading.Lock()
        self._unload_lock = threading.Lock()

    def images(self) -> list[tuple[str, JobLog]]:
        return [(self._container["Image"], self._log)]

    def __enter__(self) -> "MultiModelServer":
        (self._job.folder / self._name).mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        self._job.stop()
        with self._lock:
            self._is_ending, threads = True, list(self._threads)
        for thread in threads:
            thread.join()
        for model in self._models.values():
            model.chain.result().stop()

    def wait_until_ready(self, seconds: float = 0, is_busy: Callable[[], bool] | None = None) -> None:
        """Do nothing: an instance without a loaded model is ready."""

    def failure(self) -> None:
        """Return None, because the failure of a model does not affect others."""

    def holds(self, name: str) -> bool:
        """Return whether a model is loaded, or is being loaded."""
        return name.lstrip("/") in self._models

    def memory_in_use(self) -> list[int]:
        """Return each server's memory use in bytes, or 0 for a server that has ended."""
        return read_shares(self._memory_use)

    def invoke(
        self, body: bytes, headers: Mapping[str, str], deadline: Deadline, max_bytes: int = MAX_BODY_BYTES
    ) -> Response:
        """Return the response of the model named in the header TARGET_MODEL. Raises NoResponse.

        Raises ServiceError if the model is missing, or is still loading at the deadline; loading then continues.
        """
        name = headers[TARGET_MODEL].lstrip("/")
        with self._use_model(name) as model:
            try:
                chain = model.chain.result(deadline.seconds_left)
            except TimeoutError:
                message = f"Model {name} is still loading after {deadline.seconds:g} s. Try again later."
                raise ServiceError("ModelNotReadyException", message, 429) from None
            except JobFailed as error:
                return Response(500, {}, str(error).encode(), name)
            except JobStopped:
                raise NoResponse(IS_ENDING, name) from None
            try:
                return chain.invoke(body, headers, deadline, max_bytes)
            except Disconnected:  # a worker may have ended, which its server replaces, or the server itself
                with contextlib.suppress(JobFailed, JobStopped):
                    chain.wait_until_ready(deadline.seconds_left, lambda: model.uses > 1)
                raise

    @contextlib.contextmanager
    def _use_model(self, name: str) -> Iterator[TargetModel]:
        if not self.holds(name) and not (name and not name.endswith("/") and self._exists(name)):
            raise ServiceError("ValidationError", MISSING_MODEL.format(*parse(self._uri(name))))
        with self._lock:
            if self._is_ending:
                raise NoResponse(IS_ENDING, name)
            model, ended_model = self._models.get(name), None
            if model is None or model.has_ended:
                model, ended_model = self._begin_to_load(name), model
            self._models.move_to_end(name)
            model.uses += 1
        try:
            if ended_model:
                self._unload(ended_model, "its server exited")
            yield model
        finally:
            with self._lock:
                model.uses -= 1

    def _uri(self, name: str) -> str:
        return f"{self._container['ModelDataUrl'].rstrip('/')}/{name}"

    def _exists(self, name: str) -> bool:
        return has_objects(self._platform.s3, self._uri(name), is_prefix=False)

    def _begin_to_load(self, name: str) -> TargetModel:
        self._count += 1
        model = TargetModel(name)
        thread = threading.Thread(target=self._load, args=(model, f"{self._name}/model-{self._count}"))
        try:
            thread.start()
        except RuntimeError as error:
            raise NoResponse(str(error), name) from None
        self._threads.add(thread)
        self._models[name] = model
        return model

    def _load(self, model: TargetModel, folder: str) -> None:
        """Load a model, and set its server or, if loading fails, an exception. The next invocation then tries again."""
        start_time, failure = time.monotonic(), None
        try:
            chain = self._start(model.name, folder)
        except (JobFailed, JobStopped) as error:
            failure = error
        except Exception as error:
            logger.exception("%s", model.name)
            failure = JobFailed(f"InternalServerError: {error!r}")
        with self._lock:  # wait until the thread that started this one has added it and the model
            self._threads.discard(threading.current_thread())
            if failure and self._models.get(model.name) is model:
                del self._models[model.name]
        if failure:
            model.chain.set_exception(failure)
        else:
            model.chain.set_result(chain)
            self._log.line(f"Loaded model {model.name} in {time.monotonic() - start_time:.1f} s")
            self._log.deliver()

    def _start(self, name: str, folder: str) -> Chain:
        self._unload_idle(self._lacks_memory)
        while True:
            container = self._container | {"ModelDataUrl": self._uri(name), "ContainerHostname": name}
            model, variables = self._model | {"Served": {"Containers": [container]}}, {"SAGEMAKER_MULTI_MODEL": "true"}
            chain = Chain(self._platform, self._job, model, self._log, self._instance, folder, variables)
            try:
                with contextlib.ExitStack() as stack:
                    stack.enter_context(chain)
                    chain.wait_until_ready(self._startup_seconds)
                    stack.pop_all()
                return chain
            except BaseException as error:
                remove(chain.folder)
                needs_memory = isinstance(error, JobFailed) and chain.ending and chain.ending.hit_instance_limit
                if not (needs_memory and self._unload_idle(lambda: True)):
                    raise

    def _lacks_memory(self) -> bool:
        shares = self.memory_in_use()
        return sum(shares) + max(shares, default=0) > self._instance.memory

    def _unload_idle(self, is_needed: Callable[[], bool]) -> bool:
        """Unload unused models, the least recently used first, while `is_needed()`; return whether any was unloaded."""
        has_unloaded = False
        with self._unload_lock:
            while is_needed():
                with self._lock:
                    model = next((model for model in self._models.values() if model.is_loaded and not model.uses), None)
                    if model is None:
                        break
                    del self._models[model.name]
                self._unload(model, "other models need its memory")
                has_unloaded = True
        return has_unloaded

    def _unload(self, model: TargetModel, reason: str) -> None:
        chain = model.chain.result()
        chain.stop()
        remove(chain.folder)
        self._log.line(f"Unloaded model {model.name}: {reason}")
        self._log.deliver()
