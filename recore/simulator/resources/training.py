"""Training jobs: a script in the scikit-learn container, by the toolkit or by an entrypoint of its own."""

import json
import math
import os
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import regex

from recore.simulator import objects
from recore.simulator.errors import ServiceError
from recore.simulator.failure import JobFailed, JobStopped
from recore.simulator.instances import instance_of
from recore.simulator.logs import JobLog
from recore.simulator.resources.job import JobResource, text_of
from recore.simulator.resources.resource import REGION, now
from recore.simulator.running import Ending, Job
from recore.simulator.sandbox import ML, translated, translated_in_shell
from recore.simulator.store import Record

SOURCE = "/opt/ml/input/source"  # where the script's archive is unpacked, for it has no network to fetch it by


class TrainingJobs(JobResource):
    kind = "TrainingJob"
    arn_type = "training-job"
    log_group = "/aws/sagemaker/TrainingJobs"
    started, ended = "TrainingStartTime", "TrainingEndTime"

    def CreateTrainingJob(self, request: Record) -> Record:
        algorithm = request.get("AlgorithmSpecification", {})
        self.check_image(algorithm.get("TrainingImage", ""))
        problem = _not_run_here(request)
        if problem:
            raise ServiceError("ValidationException", problem)
        name, output = request["TrainingJobName"], request["OutputDataConfig"]
        file = "model/" if output.get("CompressionType") == "NONE" else "model.tar.gz"
        artifacts = f"{output['S3OutputPath'].rstrip('/')}/{name}/output/{file}"
        arn = self.begin(
            request,
            SecondaryStatus="Starting",
            SecondaryStatusTransitions=[
                {"Status": "Starting", "StartTime": now(), "StatusMessage": "Preparing the job"}
            ],
            ModelArtifacts={"S3ModelArtifacts": artifacts},
        )
        return {"TrainingJobArn": arn}

    def DescribeTrainingJob(self, request: Record) -> Record:
        return self.find("DescribeTrainingJob", request)

    def ListTrainingJobs(self, request: Record) -> Record:
        return self.page(request, "TrainingJobSummaries")

    def StopTrainingJob(self, request: Record) -> Record:
        self.stop("StopTrainingJob", request)
        return {}

    def execute(self, record: Record, job: Job) -> Record:
        name, algorithm = record["TrainingJobName"], record["AlgorithmSpecification"]
        metrics = {metric["Name"]: metric["Regex"] for metric in algorithm.get("MetricDefinitions", [])}
        log = self.log(name, metrics)
        if difference := _difference(algorithm["TrainingImage"]):
            log.line(difference)
        try:
            ending = self._run(record, job, log)
        finally:
            log.deliver()  # also what was written before the job's command could start
        self.change(name, TrainingTimeInSeconds=round(ending.seconds), BillableTimeInSeconds=round(ending.seconds))
        final = [
            {"MetricName": metric, "Value": value, "Timestamp": now()}
            for metric, value in log.values.items()
            if math.isfinite(value)
        ]
        self.change(name, FinalMetricDataList=final)
        stopped = ending.reason == "stopped"
        if not stopped:
            self.check_ending(job, ending, log, _explained(job, log))
        # a job that was told to stop, or whose time was up, leaves what it had saved until then
        status, message = ("Stopping", "Stopping the training job") if stopped else ("Uploading", "Uploading the model")
        self._enter(name, status, message)
        self._upload(record, job)
        if stopped:
            raise JobStopped
        if ending.reason == "time":
            return {"Status": "Stopped", "SecondaryStatus": "MaxRuntimeExceeded"}
        return {}

    def _run(self, record: Record, job: Job, log: JobLog) -> Ending:
        """Download what the job reads, install what it asks for, run its command."""
        name, algorithm = record["TrainingJobName"], record["AlgorithmSpecification"]
        self._enter(name, "Downloading", "Downloading input data")
        requirements = self._prepare(record, job)
        sandbox = self.platform.sandbox(job, algorithm["TrainingImage"], requirements, log)
        command = algorithm.get("ContainerEntrypoint") or self.platform.walls.train
        command = [*command, *algorithm.get("ContainerArguments", [])]
        variables = {"TRAINING_JOB_NAME": name, "TRAINING_JOB_ARN": record["TrainingJobArn"]}
        variables |= {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION} | record.get("Environment", {})
        self._enter(name, "Training", "Training image download completed. Training in progress.")
        limit = record.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86_400)
        instance = instance_of(record["ResourceConfig"]["InstanceType"])
        ending = job.run(sandbox.launch(command, variables), log, limit, instance)
        self.measure(name, ending, instance.memory)
        return ending

    def _upload(self, record: Record, job: Job) -> None:
        """The model, and where there is any, what the job wrote to /opt/ml/output/data."""
        ml, target = job.folder / "ml", record["ModelArtifacts"]["S3ModelArtifacts"]
        if not _own(ml / "model", ml):
            raise JobFailed("AlgorithmError: /opt/ml/model is no longer a folder of the job's own")
        packed = {"output": ml / "output/data"} if _own(ml / "output/data", ml) else {}
        # what a job that was stopped leaves is still taken; an order to stop that comes later ends the taking
        stopping = (lambda: False) if job.stopping.is_set() else job.stopping.is_set
        if target.endswith("/"):
            objects.upload(self.platform.s3, ml / "model", target)
        else:
            packed["model"] = ml / "model"
        for name, folder in packed.items():
            if name == "output" and not any(folder.iterdir()):
                continue
            archive = job.folder / f"{name}.tar.gz"
            objects.pack(folder, archive, record["ResourceConfig"]["VolumeSizeInGB"] << 30, stopping)
            objects.upload(self.platform.s3, archive, f"{target[: target.rindex('/output/')]}/output/{archive.name}")

    def end(self, name: str, status: str, **members: Any) -> None:
        secondary = members.pop("SecondaryStatus", status)
        self._enter(name, secondary, members.get("FailureReason", "Training job " + status.lower()))
        super().end(name, status, **members)

    def _enter(self, name: str, status: str, message: str) -> None:
        """Go on to the next secondary status."""
        record = self.store.get(self.kind, name) or {}
        transitions = [dict(transition) for transition in record.get("SecondaryStatusTransitions", [])]
        if transitions:
            transitions[-1]["EndTime"] = now()
        transitions.append({"Status": status, "StartTime": now(), "StatusMessage": message})
        self.change(name, SecondaryStatus=status, SecondaryStatusTransitions=transitions)

    def _prepare(self, record: Record, job: Job) -> Path | None:
        """Fill /opt/ml: channels, configuration, the script. Returns the requirements.txt that is to be installed."""
        ml = job.folder / "ml"
        for folder in ("input/config", "input/data", "model", "output/data", "code"):
            (ml / folder).mkdir(parents=True)
        channels = record.get("InputDataConfig", [])
        for channel in channels:
            folder = ml / "input/data" / channel["ChannelName"]
            folder.mkdir()
            objects.download(
                self.platform.s3, channel["DataSource"]["S3DataSource"]["S3Uri"], folder, job.stopping.is_set
            )
        settings = dict(record.get("HyperParameters", {}))
        submitted, source = _bare(settings.get("sagemaker_submit_directory", "")), ml / "input/data/code"
        if submitted.startswith("s3://"):
            objects.download(self.platform.s3, submitted, job.folder / "archive", job.stopping.is_set)
            source = ml / "input/source"
            objects.unpack(objects.only(job.folder / "archive", submitted), source)
            settings["sagemaker_submit_directory"] = json.dumps(SOURCE)
        elif submitted.startswith("/opt/ml/"):
            source = ml / submitted.removeprefix("/opt/ml/")
            if not source.resolve().is_relative_to(ml.resolve()):
                raise JobFailed(f"ClientError: sagemaker_submit_directory '{submitted}' is not below /opt/ml")
        host = "algo-1" if self.platform.walls.true_paths else "localhost"
        configuration = {
            "hyperparameters": settings,
            "inputdataconfig": {
                channel["ChannelName"]: {
                    "TrainingInputMode": "File",
                    "S3DistributionType": "FullyReplicated",
                    "RecordWrapperType": "None",
                }
                for channel in channels
            },
            "resourceconfig": {
                "current_host": host,
                "hosts": [host],
                "current_instance_type": record["ResourceConfig"]["InstanceType"],
                "network_interface_name": "lo",
            },
        }
        for file, content in configuration.items():
            text = json.dumps(content)
            if not self.platform.walls.true_paths:
                text = translated(text, {ML: ml})
            (ml / f"input/config/{file}.json").write_text(text)
        requirements = _requirements(source, ml / "input/data/sm_drivers/sourcecode.json", job.folder / "unpacked")
        if not self.platform.walls.true_paths:
            _translate(ml / "input/data/sm_drivers", ml)
        return requirements


def _not_run_here(request: Record) -> str | None:
    """What is wrong with a request, or why this machine cannot do what it asks for; None where it can."""
    algorithm, resources = request.get("AlgorithmSpecification", {}), request.get("ResourceConfig", {})
    if "InstanceType" not in resources or resources.get("InstanceCount", 1) != 1:
        return "ResourceConfig: one instance, of a named InstanceType, runs here"
    for metric in algorithm.get("MetricDefinitions", []):
        try:
            regex.compile(metric["Regex"])
        except regex.error as error:
            return f"MetricDefinitions: the Regex of {metric['Name']} is none: {error}"
    if not request["OutputDataConfig"]["S3OutputPath"].startswith("s3://"):
        return "OutputDataConfig: S3OutputPath must begin with s3://"
    names = {".", ".."}
    for channel in request.get("InputDataConfig", []):
        name, given = channel["ChannelName"], channel["DataSource"].get("S3DataSource", {})
        if name in names:
            return f"InputDataConfig: there are two channels {name}, or that is no name of a folder"
        names.add(name)
        # to the job, a file streamed from S3 is a file
        mode = channel.get("InputMode", algorithm.get("TrainingInputMode", "File"))
        if mode not in ("File", "FastFile") or given.get("S3DataType") != "S3Prefix":
            return f"Channel {name}: only File and FastFile mode, of an S3Prefix, run here"
        if channel.get("CompressionType", "None") != "None":
            return f"Channel {name}: compressed channels do not run here"
    return None


def _difference(image: str) -> str | None:
    """What a job's log says where its image's tag names another scikit-learn than the one it runs with here."""
    named = re.match(r"\d+\.\d+", image.rpartition("/")[2].partition("@")[0].partition(":")[2])
    here = version("scikit-learn")
    if named is None or here.startswith(f"{named[0]}."):
        return None
    return f"The image {image} is of scikit-learn {named[0]}; the version differs: this job runs with {here}."


def _bare(value: str) -> str:
    """A hyperparameter's value, which some clients write as a JSON string and others bare."""
    try:
        decoded = json.loads(value)
    except ValueError:
        return value
    return decoded if isinstance(decoded, str) else value


def _requirements(source: Path, drivers: Path, scratch: Path) -> Path | None:
    """The file of requirements in a script's source: a folder, an archive, or a folder that holds just an archive.

    drivers: the SDK's description of the source, which may name another file, or none. An archive is unpacked to
    scratch, for this alone: the job unpacks it for itself.
    """
    name = "requirements.txt"
    if drivers.is_file():
        try:
            name = json.loads(drivers.read_text()).get("requirements") or ""
        except (ValueError, AttributeError):
            name = ""
    files = list(source.iterdir()) if source.is_dir() else [source]
    if len(files) == 1 and files[0].name.endswith((".tar.gz", ".tgz")) and files[0].is_file():
        objects.unpack(files[0], scratch)
        source = scratch
    path = (source / name).resolve()
    return path if path.is_file() and path.is_relative_to(source.resolve()) else None


def _own(folder: Path, ml: Path) -> bool:
    """Whether a folder is still there, and no link that the job put in its place and that leads out of /opt/ml."""
    return folder.is_dir() and folder.resolve().is_relative_to(ml.resolve())


def _explained(job: Job, log: JobLog) -> Path:
    """A failed job's file of the reason: its own, and below it what it printed where that file holds no reason.

    The SDK's drivers write only that the process of the user's script failed.
    """
    failure = job.folder / "ml/output/failure"
    ml = str(job.folder / "ml")  # which a job without a sandbox sees in place of /opt/ml
    said = text_of(failure).replace(ml, ML)
    if "CalledProcessError" not in said:
        return failure
    known = {line.strip() for line in said.splitlines()}
    lines = [line.replace(ml, ML) for line in log.tail]
    printed = [line for line in lines if line.strip() not in known and not line.startswith("+")]  # +: a shell's trace
    explained = job.folder / "failure"
    ended = said.splitlines()[-1][:180]
    explained.write_text(ended + "\n" + "\n".join(printed[-12:])[-700:])  # of which the reason's length has room
    return explained


def _translate(drivers: Path, ml: Path) -> None:
    """Without a sandbox, the SDK's own driver scripts must name this job's folder where they name /opt/ml."""
    for path in drivers.rglob("*") if drivers.is_dir() else []:
        if path.suffix == ".py":
            literal = re.sub(rb"([\"'\\])", rb"\\\1", os.fsencode(ml))
            path.write_bytes(path.read_bytes().replace(ML.encode(), literal))
        elif path.suffix == ".sh":
            script = os.fsdecode(path.read_bytes())
            path.write_bytes(os.fsencode(translated_in_shell(script, {ML: ml})))
