"""Training jobs: a script in the scikit-learn container, by the toolkit or by an entrypoint of its own."""

import json
from pathlib import Path
from typing import Any

from recore.simulator import objects
from recore.simulator.errors import ServiceError
from recore.simulator.logs import JobLog
from recore.simulator.platform import memory_of
from recore.simulator.resources.job import JobResource
from recore.simulator.resources.resource import REGION, now
from recore.simulator.running import Job
from recore.simulator.sandbox import CONTAINER
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
        for channel in request.get("InputDataConfig", []):
            if channel.get("InputMode", "File") != "File" or "S3DataSource" not in channel["DataSource"]:
                raise ServiceError(
                    "ValidationException", f"Channel {channel['ChannelName']}: only File mode from S3 runs here"
                )
        name = request["TrainingJobName"]
        artifacts = f"{request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{name}/output/model.tar.gz"
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
        self._enter(name, "Downloading", "Downloading input data")
        source = self._prepare(record, job, log)
        sandbox = self.platform.sandbox(job, source / "requirements.txt", log)
        command = algorithm.get("ContainerEntrypoint") or ["python", "-P", str(CONTAINER / "training.py")]
        command = [*command, *algorithm.get("ContainerArguments", [])]
        variables = {"TRAINING_JOB_NAME": name, "TRAINING_JOB_ARN": record["TrainingJobArn"]}
        variables |= {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION} | record.get("Environment", {})
        self._enter(name, "Training", "Training image download completed. Training in progress.")
        limit = record["StoppingCondition"].get("MaxRuntimeInSeconds", 86_400)
        memory = memory_of(record["ResourceConfig"].get("InstanceType", "ml.m5.xlarge"))
        ending = job.run(sandbox.launch(command, variables), log, limit, memory)
        self.change(name, TrainingTimeInSeconds=round(ending.seconds), BillableTimeInSeconds=round(ending.seconds))
        final = [{"MetricName": metric, "Value": value, "Timestamp": now()} for metric, value in log.values.items()]
        self.change(name, FinalMetricDataList=final)
        self.check_ending(ending, log, job.folder / "ml/output/failure")
        self._enter(name, "Uploading", "Uploading generated training model")
        objects.pack(job.folder / "ml/model", job.folder / "model.tar.gz")
        objects.upload(self.platform.s3, job.folder / "model.tar.gz", record["ModelArtifacts"]["S3ModelArtifacts"])
        if ending.reason == "time":
            return {"Status": "Stopped", "SecondaryStatus": "MaxRuntimeExceeded"}
        return {}

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

    def _prepare(self, record: Record, job: Job, log: JobLog) -> Path:
        """Fill /opt/ml: channels, configuration, the script. Returns the folder of the script's source."""
        ml = job.folder / "ml"
        for folder in ("input/config", "input/data", "model", "output/data", "code"):
            (ml / folder).mkdir(parents=True)
        channels = record.get("InputDataConfig", [])
        for channel in channels:
            folder = ml / "input/data" / channel["ChannelName"]
            folder.mkdir()
            objects.download(self.platform.s3, channel["DataSource"]["S3DataSource"]["S3Uri"], folder)
        settings = dict(record.get("HyperParameters", {}))
        source = ml / "input/data/code"
        archive = _bare(settings.get("sagemaker_submit_directory", ""))
        if archive.startswith("s3://"):
            objects.download(self.platform.s3, archive, job.folder / "archive")
            source = ml / "input/source"
            objects.unpack(next((job.folder / "archive").iterdir()), source)
            settings["sagemaker_submit_directory"] = json.dumps(SOURCE)
        elif "sagemaker_program" in settings and "sagemaker_submit_directory" not in settings:
            settings["sagemaker_submit_directory"] = json.dumps("/opt/ml/input/data/code")
        host = "algo-1" if self.platform.enforced else "localhost"
        configuration = {
            "hyperparameters": settings,
            "inputdataconfig": {channel["ChannelName"]: {"TrainingInputMode": "File"} for channel in channels},
            "resourceconfig": {
                "current_host": host,
                "hosts": [host],
                "current_instance_type": record["ResourceConfig"].get("InstanceType", "local"),
                "network_interface_name": "lo",
            },
        }
        for file, content in configuration.items():
            text = json.dumps(content)
            (ml / f"input/config/{file}.json").write_text(
                text if self.platform.enforced else text.replace("/opt/ml/", f"{ml}/")
            )
        if not self.platform.enforced:
            _translate(ml / "input/data/sm_drivers", ml)
        return source


def _bare(value: str) -> str:
    """A hyperparameter's value, which some clients write as a JSON string and others bare."""
    try:
        decoded = json.loads(value)
    except ValueError:
        return value
    return decoded if isinstance(decoded, str) else value


def _translate(drivers: Path, ml: Path) -> None:
    """Without walls, the SDK's own driver scripts must name this job's folder where they name /opt/ml."""
    for path in drivers.rglob("*") if drivers.is_dir() else []:
        if path.suffix in (".py", ".sh"):
            path.write_text(path.read_text().replace("/opt/ml", str(ml)))
