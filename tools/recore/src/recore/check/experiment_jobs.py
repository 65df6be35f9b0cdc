"""Runs the jobs and endpoints of the experiments: each with a name, objects and a log of its own."""

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

from recore.check.failures import ExperimentFailed, explain
from recore.check.left_by_jobs import Answer
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
from recore.places import Services, SimulatorGoneError
from recore.untrusted_archives import open_archive

LARGEST_RESULT = 512 << 20  # bytes of all files that a job leaves
MOST_RESULTS = 1000  # files
PLAIN_NAME = re.compile(r"\w[\w.-]{0,80}", re.ASCII)
PROGRAMS = Path(__file__).parent / "programs"
# for a request; an endpoint allows 60. The worker of a request without a response must end before the next request
REQUEST_SECONDS = 55
VARIANT = {"VariantName": "main", "InitialInstanceCount": 1, "ContainerStartupHealthCheckTimeoutInSeconds": 120}
PAUSE = 0.1  # seconds between two descriptions of an endpoint
Files = Mapping[str, bytes | Path]  # content, or a file of this machine, by name


@dataclass
class ExperimentJobs:
    """Runs jobs for a submission. folder: for their results and logs. watch: called when a step changes."""

    services: Services
    settings: RunSettings
    submission: SubmissionFiles
    folder: Path
    watch: Callable[[Step], None]
    _removals: list[Callable[[], object]] = field(default_factory=list)  # of what was created

    def __post_init__(self) -> None:
        self._runner = JobRunner(self.services, self.folder / "logs")
        self._runner.watch = self.watch

    def stop(self) -> None:
        """Stop all jobs."""
        self._runner.stopping.set()

    def clear(self) -> None:
        """Remove all objects, endpoints and models. What cannot be removed is left, as an endpoint that is starting."""
        self._runner.stopping.clear()
        for remove in reversed(self._removals):
            with contextlib.suppress(StepFailed, ClientError, BotoCoreError, SimulatorGoneError):
                remove()

    def place(self) -> tuple[RunSettings, Storage]:
        """Settings and storage of one experiment. The name does not reveal the experiment to its jobs."""
        settings = replace(self.settings, name=job_requests.unique_name(self.settings.round_id))
        storage = Storage(self.services.s3, settings, self._runner.raise_if_stopping)
        self._removals.append(partial(storage.clear, keep=False))
        return settings, storage

    @contextlib.contextmanager
    def step(self, name: str, kind: str, data: Path | None = None) -> Iterator[Step]:
        """A step, whose failure becomes an ExperimentFailed.

        name: its last word is the name of the step in a run. data: as in Step.
        """
        step = Step(name, kind, data=data)
        try:
            with self._runner.step(step):
                yield step
        except StepFailed as error:
            raise explain(step, self._runner.logs, self.submission.path) from error

    def run(self, step: Step, request: dict[str, Any]) -> dict[str, Any]:
        """Run a step's job; its description."""
        return self._runner.run(step, request)

    def create(self, kind: str, request: dict[str, Any]) -> None:
        """Create a Model, an EndpointConfig or an Endpoint, which `clear` deletes."""
        name = f"{kind}Name"
        self._call(f"Create{kind}", request)
        self._removals.append(partial(self._call, f"Delete{kind}", {name: request[name]}))

    def serve(self, name: str, model: Path, planned: Iterable[Request]) -> dict[str, Answer]:
        """Send requests to an endpoint with a model. Returns the answers by the requests' names.

        Raises ExperimentFailed if its server does not start.
        """
        settings, storage = self.place()
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
            answers = self._invoke_all(settings.name, planned) if started else {}
            self._call("DeleteEndpoint", {"EndpointName": settings.name})
            self._wait_while(settings.name, "Deleting")  # its log is complete afterwards
            group, streams = f"/aws/sagemaker/Endpoints/{settings.name}", f"{VARIANT['VariantName']}/"
            write_streams(self.services.logs, group, streams, log)
            if not started:
                failure = endpoint.get("FailureReason", "")
                step.outside = is_outside(failure)
                reason, step.exception = read_reason(failure, log)
                raise StepFailed(reason)
        return answers

    def _wait_while(self, name: str, status: str) -> dict[str, Any]:
        """Wait while an endpoint is in a status. Returns its description, empty if it does not exist any more."""
        while True:
            try:
                endpoint = self._call("DescribeEndpoint", {"EndpointName": name})
            except ClientError as error:
                if status == "Deleting" and error.response["Error"]["Code"] == "ValidationException":
                    return {}
                raise
            if endpoint["EndpointStatus"] != status:
                return endpoint
            self._runner.stopping.wait(PAUSE)
            self._runner.raise_if_stopping()

    def _invoke_all(self, endpoint: str, planned: Iterable[Request]) -> dict[str, Answer]:
        """The responses to requests. After a late one no more are sent, because they would be late, too."""
        answers: dict[str, Answer] = {}
        for request in planned:
            late = any(answer.late for answer in answers.values())
            answers[request.name] = Answer(0, None, "", late) if late else self._invoke(endpoint, request)
        return answers

    def _invoke(self, endpoint: str, request: Request) -> Answer:
        self._runner.raise_if_stopping()
        runtime, began = self.services.runtime, time.monotonic()
        try:
            response = runtime.invoke_endpoint(
                EndpointName=endpoint, Body=request.body, ContentType=request.content_type, Accept=CSV
            )
        except runtime.exceptions.ModelError as error:
            late = time.monotonic() - began > 0.9 * REQUEST_SECONDS
            return Answer(error.response["OriginalStatusCode"], None, error.response["OriginalMessage"], late)
        except (ClientError, BotoCoreError) as error:
            return Answer(0, None, str(error))
        body = self.folder / f"{endpoint}-{request.name}"
        body.write_bytes(response["Body"].read())
        return Answer(200, body, "")

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        response: dict[str, Any] = getattr(self.services.sagemaker, xform_name(operation))(**request)
        return response

    def download_model(self, job: dict[str, Any], storage: Storage, target: Path) -> None:
        """Download the model.tar.gz of a training job."""
        key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{self.settings.bucket}/")
        storage.download(key, target)

    def process(self, program: str, sources: Mapping[str, Files]) -> Path:
        """Run a program of programs/ as a processing job. Returns the folder of what it left in the output `results`.

        sources: the files of each input.
        """
        name = program.removesuffix(".py")
        settings, storage = self.place()
        with self.step(f"{name} preprocess", "ProcessingJob") as step:
            script = ("code", program)
            storage.put((PROGRAMS / program).read_bytes(), script)
            self._put_all(storage, sources)
            places = {source: (source, "") for source in sources}
            self.run(step, job_requests.processing_request(settings, name, script, {}, places, ("results", "")))
            return self._download_results(settings, self.folder / f"{name}-results")

    def train(self, name: str, program: str, channels: Mapping[str, Files], files: dict[str, bytes]) -> Path:
        """Run a program of programs/ as the script of a training job. Returns the folder of what it left.

        channels: the files of each channel. files: beside the program.
        """
        settings, storage = self.place()
        files = files | {file: (PROGRAMS / file).read_bytes() for file in (program, "step_environment.py")}
        if "requirements.txt" in self.submission.files:
            files["requirements.txt"] = self.submission.files["requirements.txt"]
        with self.step(f"{name} predict", "TrainingJob") as step:
            storage.put(SubmissionFiles(self.submission.path, files).archive, job_requests.SOURCE)
            self._put_all(storage, channels)
            request = job_requests.training_request(settings)
            request["HyperParameters"]["sagemaker_program"] = json.dumps(program)
            kept = [each for each in request["InputDataConfig"] if each["ChannelName"] in ("code", "wheels")]
            others = [job_requests.channel(channel, settings.uri(channel, "")) for channel in channels]
            job = self.run(step, request | {"InputDataConfig": others + kept})
            archive, folder = self.folder / f"{name}-results.tar.gz", self.folder / f"{name}-results"
            self.download_model(job, storage, archive)
            _unpack_files(archive, folder)
        return folder

    def read_report[T](self, path: Path, convert: Callable[[Any], T]) -> T:
        """What a program of programs/ reports. Raises ExperimentFailed if the submission removed or changed it."""
        try:
            return convert(json.loads(path.read_bytes()))
        except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
            reason = "the job wrote no valid report: the submission ended the job or changed its report"
            raise ExperimentFailed(reason, "Do not change the job's folders or end other processes") from None

    @staticmethod
    def _put_all(storage: Storage, folders: Mapping[str, Files]) -> None:
        for folder, files in folders.items():
            for name, content in files.items():
                if isinstance(content, bytes):
                    storage.put(content, (folder, name))
                else:
                    storage.upload(content, (folder, name))

    def _download_results(self, settings: RunSettings, folder: Path) -> Path:
        """Download the output `results` of a processing job: plain names, and not too large."""
        prefix = settings.key("results", "")
        folder.mkdir()
        items = list_objects(self.services.s3, settings.bucket, prefix)
        remaining = LARGEST_RESULT
        for item in islice(items, MOST_RESULTS):
            name = item["Key"].removeprefix(prefix)
            if PLAIN_NAME.fullmatch(name) and item["Size"] <= remaining:
                remaining -= item["Size"]
                self.services.s3.download_file(settings.bucket, item["Key"], str(folder / name))
        return folder


def _unpack_files(archive: Path, folder: Path) -> None:
    """Unpack files with plain names from a job's archive, as far as they are not too large. Raises StepFailed."""
    folder.mkdir()
    remaining = LARGEST_RESULT
    try:
        with open_archive(archive) as members:
            for member, content in islice(members, MOST_RESULTS):
                name = member.name.removeprefix("./")
                if content and PLAIN_NAME.fullmatch(name) and member.size <= remaining:
                    remaining -= member.size
                    with open(folder / name, "wb") as file:
                        shutil.copyfileobj(content, file)
    except (OSError, ValueError) as error:
        raise StepFailed(f"the job's output could not be read: {error}") from error
