"""Run the experiments' jobs and endpoints. Each has its own name, log and S3 objects."""

import contextlib
import json
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from recore.backends import Services, SimulatorGoneError
from recore.check.failures import ExperimentError, explain_failure
from recore.check.job_results import ServedResponse
from recore.check.served_requests import CSV, Request
from recore.evaluation import (
    JobRunner,
    RunSettings,
    Step,
    StepFailed,
    Storage,
    SubmissionFiles,
    job_requests,
    list_objects,
    write_streams,
)
from recore.failures import is_outside, read_reason
from recore.untrusted_archives import open_archive
from stagemaker import interrupts

MAX_RESULT_BYTES = 512 << 20  # total size of a job's output files
MAX_RESULT_FILES = 1000
RESULTS = (job_requests.OUTPUTS, "results", "")  # key of a processing job's output
PLAIN_NAME = re.compile(r"\w[\w.-]{0,80}", re.ASCII)
PROGRAMS = Path(__file__).parent / "programs"
# time limit for a request; an endpoint allows 60 s. A worker that does not respond must exit before the next request
REQUEST_SECONDS = 55
VARIANT = {"VariantName": "main", "InitialInstanceCount": 1, "ContainerStartupHealthCheckTimeoutInSeconds": 120}
POLL_SECONDS = 0.1  # between calls of DescribeEndpoint
Files = Mapping[str, bytes | Path]  # contents or local files, by name


@dataclass
class ExperimentJobs:
    """A runner of a submission's jobs. folder: for results and logs. watch: called with each changed step."""

    services: Services
    settings: RunSettings
    submission: SubmissionFiles
    folder: Path
    watch: Callable[[Step], None]
    _removals: list[Callable[[], object]] = field(default_factory=list)  # calls that delete the created resources

    def __post_init__(self) -> None:
        self._runner = JobRunner(self.services, self.folder / "logs")
        self._runner.watch = self.watch

    def stop(self) -> None:
        self._runner.stopping.set()

    def clear(self) -> None:
        """Delete the created resources. Skip any that cannot be deleted, such as endpoints that are still starting."""
        self._runner.stopping.clear()
        for remove in reversed(self._removals):
            with contextlib.suppress(StepFailed, ClientError, BotoCoreError, SimulatorGoneError):
                remove()

    def allocate(self) -> tuple[RunSettings, Storage]:
        """Return settings and storage for a new experiment. The job names do not reveal the experiment."""
        settings = replace(self.settings, name=job_requests.unique_name(self.settings.round_id))
        storage = Storage(self.services.s3, settings, self._runner.raise_if_stopping)
        self._removals.append(partial(storage.clear, keep=False))
        return settings, storage

    @contextlib.contextmanager
    def step(self, name: str, kind: str, data: Path | None = None) -> Iterator[Step]:
        """Yield a step. Raises ExperimentError if the step fails.

        name: ends with the name of the corresponding step in a run. data: see Step.
        """
        step = Step(name, kind, data=data)
        try:
            with self._runner.step(step):
                yield step
        except StepFailed as error:
            raise explain_failure(step, self._runner.logs, self.submission.path) from error

    def run(self, step: Step, request: dict[str, Any]) -> dict[str, Any]:
        """Run a step's job and return its description."""
        return self._runner.run(step, request)

    def create(self, kind: str, request: dict[str, Any]) -> None:
        """Create a Model, an EndpointConfig or an Endpoint, which `clear` deletes."""
        name = f"{kind}Name"
        self._call(f"Create{kind}", request)
        self._removals.append(partial(self._call, f"Delete{kind}", {name: request[name]}))

    def serve(self, name: str, model: Path, planned: Iterable[Request]) -> dict[str, ServedResponse]:
        """Send requests to an endpoint that serves a model. Return the responses by request name.

        Raises ExperimentError if the model server does not start.
        """
        settings, storage = self.allocate()
        with self.step(f"{name} predict", "Endpoint") as step:
            storage.upload(model, job_requests.MODEL)
            request = job_requests.model_request(settings)
            request["PrimaryContainer"]["Environment"] |= {
                "SAGEMAKER_MODEL_SERVER_WORKERS": "1",  # rules look for state that outlasts a request
                "SAGEMAKER_MODEL_SERVER_TIMEOUT": str(REQUEST_SECONDS),
            }
            self.create("Model", request)
            variant = VARIANT | {"ModelName": settings.name, "InstanceType": settings.transform.type}
            self.create("EndpointConfig", {"EndpointConfigName": settings.name, "ProductionVariants": [variant]})
            self.create("Endpoint", {"EndpointName": settings.name, "EndpointConfigName": settings.name})
            log = self._runner.logs / step.log
            endpoint = self._wait_while(settings.name, "Creating")
            started = endpoint["EndpointStatus"] == "InService"
            responses = self._invoke_all(settings.name, planned) if started else {}
            self._call("DeleteEndpoint", {"EndpointName": settings.name})
            self._wait_while(settings.name, "Deleting")  # then its log is complete
            group, streams = f"/aws/sagemaker/Endpoints/{settings.name}", f"{VARIANT['VariantName']}/"
            write_streams(self.services.logs, group, streams, log)
            if not started:
                failure = endpoint.get("FailureReason", "")
                step.outside = is_outside(failure)
                reason, step.exception = read_reason(failure, log)
                raise StepFailed(reason)
        return responses

    def _wait_while(self, name: str, status: str) -> dict[str, Any]:
        """Wait while an endpoint has this status. Return the endpoint's description, or {} if it no longer exists."""
        while True:
            try:
                endpoint = self._call("DescribeEndpoint", {"EndpointName": name})
            except ClientError as error:
                if status == "Deleting" and error.response["Error"]["Code"] == "ValidationException":
                    return {}
                raise
            if endpoint["EndpointStatus"] != status:
                return endpoint
            interrupts.sleep(POLL_SECONDS, self._runner.stopping)
            self._runner.raise_if_stopping()

    def _invoke_all(self, endpoint: str, planned: Iterable[Request]) -> dict[str, ServedResponse]:
        """Send requests and return the responses. After a late response, count the unsent requests as late, too."""
        responses: dict[str, ServedResponse] = {}
        for request in planned:
            late = any(response.late for response in responses.values())
            responses[request.name] = ServedResponse(0, None, "", late) if late else self._invoke(endpoint, request)
        return responses

    def _invoke(self, endpoint: str, request: Request) -> ServedResponse:
        self._runner.raise_if_stopping()
        runtime, start = self.services.runtime, time.monotonic()
        try:
            response = runtime.invoke_endpoint(
                EndpointName=endpoint, Body=request.body, ContentType=request.content_type, Accept=CSV
            )
        except runtime.exceptions.ModelError as error:
            late = time.monotonic() - start > 0.9 * REQUEST_SECONDS
            return ServedResponse(error.response["OriginalStatusCode"], None, error.response["OriginalMessage"], late)
        except (ClientError, BotoCoreError) as error:
            return ServedResponse(0, None, str(error))
        body = self.folder / f"{endpoint}-{request.name}"
        body.write_bytes(response["Body"].read())
        return ServedResponse(200, body, "")

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        response: dict[str, Any] = getattr(self.services.sagemaker, xform_name(operation))(**request)
        return response

    def download_model(self, job: dict[str, Any], storage: Storage, destination: Path) -> None:
        """Download the model.tar.gz of a training job."""
        key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{self.settings.bucket}/")
        storage.download(key, destination)

    def process(self, program: str, sources: Mapping[str, Files]) -> Path:
        """Run a program from programs/ as a processing job. Return the folder with the job's output `results`.

        sources: the files in each input.
        """
        name = program.removesuffix(".py")
        settings, storage = self.allocate()
        with self.step(f"{name} preprocess", "ProcessingJob") as step:
            script = ("code", program)
            storage.put((PROGRAMS / program).read_bytes(), script)
            self._put_all(storage, sources)
            inputs = {source: (source, "") for source in sources}
            self.run(step, job_requests.processing_request(settings, name, script, {}, inputs, RESULTS))
            return self._download_results(settings, self.folder / f"{name}-results")

    def train(self, name: str, program: str, channels: Mapping[str, Files], files: dict[str, bytes]) -> Path:
        """Run a program from programs/ as the script of a training job. Return the folder with the job's output.

        channels: the files in each channel. files: additional files next to the program.
        """
        settings, storage = self.allocate()
        files = files | {file: (PROGRAMS / file).read_bytes() for file in (program, "step_environment.py")}
        if "requirements.txt" in self.submission.files:
            files["requirements.txt"] = self.submission.files["requirements.txt"]
        with self.step(f"{name} predict", "TrainingJob") as step:
            storage.put(SubmissionFiles(self.submission.path, files).archive, job_requests.SOURCE)
            self._put_all(storage, channels)
            request = job_requests.training_request(settings)
            request["HyperParameters"]["sagemaker_program"] = json.dumps(program)
            common = [each for each in request["InputDataConfig"] if each["ChannelName"] in ("code", "wheels")]
            others = [job_requests.channel(channel, settings.uri(channel, "")) for channel in channels]
            job = self.run(step, request | {"InputDataConfig": others + common})
            archive, folder = self.folder / f"{name}-results.tar.gz", self.folder / f"{name}-results"
            self.download_model(job, storage, archive)
            _unpack_files(archive, folder)
        return folder

    def read_report[T](self, path: Path, convert: Callable[[Any], T]) -> T:
        """Return a program's JSON report, converted. Raises ExperimentError if the report is missing or invalid."""
        try:
            return convert(json.loads(path.read_bytes()))
        except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
            reason = "the job did not write a valid report; the submission terminated the job or changed the report"
            raise ExperimentError(reason, "Do not change the job's folders or terminate other processes") from None

    @staticmethod
    def _put_all(storage: Storage, folders: Mapping[str, Files]) -> None:
        for folder, files in folders.items():
            for name, content in files.items():
                if isinstance(content, bytes):
                    storage.put(content, (folder, name))
                else:
                    storage.upload(content, (folder, name))

    def _download_results(self, settings: RunSettings, folder: Path) -> Path:
        """Download the output `results`. Skip files that have unusual names or would exceed the total size limit."""
        prefix = settings.key(*RESULTS)
        folder.mkdir()
        items = list_objects(self.services.s3, settings.bucket, prefix)
        remaining = MAX_RESULT_BYTES
        for item in islice(items, MAX_RESULT_FILES):
            name = item["Key"].removeprefix(prefix)
            if PLAIN_NAME.fullmatch(name) and item["Size"] <= remaining:
                remaining -= item["Size"]
                self.services.s3.download_file(settings.bucket, item["Key"], str(folder / name))
        return folder


def _unpack_files(archive: Path, folder: Path) -> None:
    """Unpack an archive, except files with unusual names or beyond a size limit. Raises StepFailed if it is invalid."""
    folder.mkdir()
    remaining = MAX_RESULT_BYTES
    try:
        with open_archive(archive) as members:
            for member, content in islice(members, MAX_RESULT_FILES):
                name = member.name.removeprefix("./")
                if content and PLAIN_NAME.fullmatch(name) and member.size <= remaining:
                    remaining -= member.size
                    with open(folder / name, "wb") as file:
                        shutil.copyfileobj(content, file)
    except (OSError, ValueError) as error:
        raise StepFailed(f"the job's output could not be read: {error}") from error
