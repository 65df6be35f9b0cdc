"""Run training jobs: download the inputs from S3, run the image's `train` or an entrypoint, and upload the model."""

import contextlib
from typing import ClassVar

from stagemaker.compute.failure import JobFailed, JobStopped, JobTimedOut
from stagemaker.compute.files import archives, transfers
from stagemaker.compute.files.output_files import OutputFolder, ignore
from stagemaker.compute.ineffective_settings import ineffective_setting_lines
from stagemaker.compute.job_run import JobRun
from stagemaker.compute.logs.log_stream import JobLog
from stagemaker.compute.logs.metrics import TrainingMetrics
from stagemaker.compute.processes.process import Ending
from stagemaker.compute.processes.reasons import failure_file
from stagemaker.compute.processes.volume import Volume
from stagemaker.compute.scripts import input_files
from stagemaker.images.catalogue import family_of
from stagemaker.state.records import Record, now
from stagemaker.text import format_size


class TrainingRun(JobRun):
    """The run of a training job. Each phase of the run has its own secondary status."""

    kind = "TrainingJob"
    timeout_members: ClassVar[Record] = {"SecondaryStatus": "MaxRuntimeExceeded"}

    def run(self) -> None:
        record, algorithm = self.record, self.record["AlgorithmSpecification"]
        image = algorithm["TrainingImage"]
        definitions = family_of(image).metric_definitions(image) or algorithm.get("MetricDefinitions", [])
        observed_metrics = self.platform.observed_metrics.get(self.name)
        patterns = {metric["Name"]: metric["Regex"] for metric in definitions}
        metrics = TrainingMetrics(self.platform.cloudwatch, self.log_group, self.name, patterns, observed_metrics)
        log = self.create_log(metrics)
        self.begin((image, log), announce=self._change_message)
        for line in ineffective_setting_lines("training", record):
            log.line(line)
        with self.apply_limits(record["ResourceConfig"], log) as volume:
            ending = self._train(volume, log)
            times = dict.fromkeys(("TrainingTimeInSeconds", "BillableTimeInSeconds"), round(ending.seconds))
            self.change({"Metrics": metrics.statistics}, FinalMetricDataList=metrics.final_values(), **times)
            self._finish(ending, volume, log)

    def _finish(self, ending: Ending, volume: Volume, log: JobLog) -> None:
        try:
            self.check_ending(ending, log, failure_file(self.job, log))
        except JobStopped as stopped:
            timed_out = isinstance(stopped, JobTimedOut)
            if not timed_out:
                self._enter_status("Stopping", "Stopping the training job")
            self.job.save_outputs()
            with contextlib.suppress(JobStopped):
                self._upload(volume, log, has_status=timed_out)
            raise
        self._upload(volume, log)

    def _train(self, volume: Volume, log: JobLog) -> Ending:
        record, job, algorithm = self.record, self.job, self.record["AlgorithmSpecification"]
        self._enter_status("Downloading", "Downloading input data")
        requirements = input_files.prepare(record, job, self.platform.s3, volume, self.platform.isolation.keeps_paths)
        image, network = algorithm["TrainingImage"], not record.get("EnableNetworkIsolation")
        announce = self._change_message
        sandbox = self.platform.sandbox(job, image, requirements, log, has_network=network, announce=announce)
        command = algorithm.get("ContainerEntrypoint") or self.platform.isolation.training(image)
        command = [*command, *algorithm.get("ContainerArguments", [])]
        variables = {"TRAINING_JOB_NAME": self.name, "TRAINING_JOB_ARN": record["TrainingJobArn"]}
        self._enter_status("Training", "Training image download completed. Training in progress.")
        return self.run_command(sandbox, command, variables, log)

    def _upload(self, volume: Volume, log: JobLog, has_status: bool = True) -> None:
        raise_if_stopping, s3, ml = self.job.raise_if_stopping, self.platform.s3, self.job.folder / "ml"
        target = self.record["ModelArtifacts"]["S3ModelArtifacts"]
        message = f"{'Uploading' if target.endswith('/') else 'Packing and uploading'} the model"
        if has_status:
            self._enter_status("Uploading", message)

        def announce(size: int) -> None:
            if has_status:
                self._change_message(f"{message}, {format_size(size)}")

        model, data = OutputFolder(ml, "/opt/ml/model"), OutputFolder(ml, "/opt/ml/output/data")
        try:
            folders = {"output": data} if data.exists() and any(data.files(raise_if_stopping)) else {}
            if target.endswith("/"):
                transfers.upload_folder(s3, model, target, volume, raise_if_stopping, announce)
            else:
                folders["model"] = model
            for name, folder in folders.items():
                archive = self.job.folder / f"{name}.tar.gz"
                archives.pack(folder, archive, volume, raise_if_stopping, announce if folder is model else ignore)
                uri = f"{target[: target.rindex('/output/')]}/output/{archive.name}"
                transfers.upload_file(s3, archive, uri, raise_if_stopping)
        except JobFailed as failure:
            log.line(str(failure))
            raise

    def ended_record(self, record: Record, status: str, members: Record) -> Record:
        secondary_status = members.pop("SecondaryStatus", status)
        message = members.get("FailureReason", f"Training job {status.lower()}")
        if "WarmPoolStatus" in record:
            members["WarmPoolStatus"] = record["WarmPoolStatus"] | {"Status": "Terminated"}
        return _add_status(super().ended_record(record, status, members), secondary_status, message)

    def _enter_status(self, status: str, message: str) -> None:
        self.store.change(self.kind, self.name, lambda record: _add_status(record, status, message))

    def _change_message(self, message: str) -> None:
        def change(record: Record) -> Record:
            *past, last = record["SecondaryStatusTransitions"]
            return record | {"SecondaryStatusTransitions": [*past, last | {"StatusMessage": message}]}

        self.store.change(self.kind, self.name, change)


def _add_status(record: Record, status: str, message: str) -> Record:
    *past, last = record["SecondaryStatusTransitions"]
    transitions = [*past, last | {"EndTime": now()}, {"Status": status, "StartTime": now(), "StatusMessage": message}]
    return record | {"SecondaryStatus": status, "SecondaryStatusTransitions": transitions, "LastModifiedTime": now()}
