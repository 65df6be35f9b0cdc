"""The base class for all kinds of jobs. Each job runs in a thread and updates its record."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from stagemaker.compute.deadline import Deadline
from stagemaker.compute.failure import JobFailed, JobStopped, JobTimedOut, last_message
from stagemaker.compute.job import Job
from stagemaker.compute.logs.log_stream import JobLog
from stagemaker.compute.logs.metrics import TrainingMetrics, put_metrics
from stagemaker.compute.platform import Platform
from stagemaker.compute.processes.explanations import explain
from stagemaker.compute.processes.process import Ending
from stagemaker.compute.processes.reasons import exceeded_limit, read_text, reason_of, replace_host_paths
from stagemaker.compute.processes.volume import Volume
from stagemaker.isolation.instances import Instance, instance_of
from stagemaker.isolation.sandbox import Sandbox
from stagemaker.machine import THREAD_VARIABLES
from stagemaker.state.records import Record, now
from stagemaker.text import printable_logger

logger = printable_logger(__name__)


class JobRun:
    """The run of one job, until its end is recorded. Each subclass runs one `kind` of job, named as in the API.

    timeout_members: members that are added to the record of a job that exceeded its time limit.
    """

    kind: ClassVar[str]
    timeout_members: ClassVar[Record] = {}
    job: Job  # set by `work`

    def __init__(self, platform: Platform, name: str):
        self.platform, self.store, self.name = platform, platform.store, name
        self.log_group = f"/aws/sagemaker/{self.kind}s"
        self._activity = self.kind.removesuffix("Job")  # Training, Processing or Transform

    @cached_property
    def record(self) -> Record:
        """The job's record at the start of the job, including the members of the request."""
        return self.store.get(self.kind, self.name) or {}

    def run(self) -> None:
        """Run the job. Raises JobFailed or JobStopped."""
        raise NotImplementedError

    def work(self, job: Job) -> None:
        """Run the job and record how it ended. The queue calls this method."""
        self.job = job
        if not self.record:
            return
        try:
            # if the job was stopped before it was queued, only its record shows it
            if job.stopping.is_set() or self.record[f"{self.kind}Status"] == "Stopping":
                raise JobStopped
            self.run()
            self.end("Completed")
        except JobTimedOut:
            self.end("Stopped", **self.timeout_members)
        except JobStopped:
            if not job.is_interrupted:  # an interrupted job stays in progress for the next simulator, as after a kill
                self.end("Stopped")
        except Exception as error:
            if isinstance(error, OSError):  # such as a full disk
                logger.error("%s %s: %s", self.kind, self.name, error)
            elif not isinstance(error, JobFailed):
                logger.exception("%s %s", self.kind, self.name)
            self.end("Failed", FailureReason=reason_of(error, job.path)[:1024])

    def begin(self, *images: tuple[str, JobLog], announce: Callable[[str], None] = lambda line: None) -> None:
        """Make the images available, writing the progress to their logs, and record the job's start time.

        Raises JobFailed or JobStopped.
        """
        for image, log in images:
            self.platform.prepare(self.job, image, log, announce)
        self.change(**{f"{self._activity}StartTime": now()})

    def change(self, internal: Record | None = None, /, **members: Any) -> None:
        self.store.update(self.kind, self.name, internal, LastModifiedTime=now(), **members)

    def end(self, status: str, **members: Any) -> None:
        """Record how the job ended. A job with the status Stopping always becomes Stopped."""

        def add_ending(record: Record) -> Record:
            ending = ("Stopped", {}) if record[f"{self.kind}Status"] == "Stopping" else (status, members)
            return self.ended_record(record, *ending)

        self.store.change(self.kind, self.name, add_ending)

    def ended_record(self, record: Record, status: str, members: Record) -> Record:
        end_time = now()
        ending = {f"{self.kind}Status": status, f"{self._activity}EndTime": end_time, "LastModifiedTime": end_time}
        return record | ending | members

    @contextlib.contextmanager
    def apply_limits(self, cluster: Record, log: JobLog) -> Iterator[Volume]:
        """Apply the job's limits. On exit, deliver the remaining log lines. Yields the job's volume."""
        volume = Volume(cluster["VolumeSizeInGB"] << 30)
        limit = self.record.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86_400)
        self.job.deadline = Deadline(limit)
        self.job.instance = replace(instance_of(cluster["InstanceType"]), volume=volume.size, folders=(self.job.path,))
        try:
            yield volume
        except JobTimedOut as error:
            log.line(str(error))
            raise
        finally:
            log.deliver()  # including lines from before the job's command started

    def create_log(self, metrics: TrainingMetrics | None = None, instance: int = 1) -> JobLog:
        stream = f"{self.name}/algo-{instance}-{int(time.time())}"
        return JobLog(self.platform.logs, self.log_group, stream, metrics).create()

    def run_command(self, sandbox: Sandbox, command: list[str], variables: Mapping[str, str], log: JobLog) -> Ending:
        """Run the job's command until it ends. The request's environment overrides `variables`."""
        environment = {**self.thread_variables(self.job.instance), **variables, **self.record.get("Environment", {})}
        self._sandbox, launch = sandbox, sandbox.make_launch(command, environment)
        ending = self.job.run_process(launch, log)
        self.put_utilization(ending, self.job.instance)
        return ending

    def thread_variables(self, instance: Instance | None) -> dict[str, str]:
        """Return variables that limit the threads of numeric libraries to the job's cores and the instance's CPUs.

        If many jobs together had more threads than cores, the threads would wait for each other.
        """
        cores = min(self.job.cores, instance.cpus) if instance else self.job.cores
        return {name: str(cores) for name in THREAD_VARIABLES if name not in os.environ}  # these hold for all jobs

    def put_utilization(self, ending: Ending, instance: Instance | None) -> None:
        """Send CloudWatch the memory use (% of the instance's memory) and CPU use (% of one CPU), as SageMaker does."""
        if instance:
            memory, cpu = ending.peak / instance.memory, ending.cpu_seconds / max(ending.seconds, 1e-3)
            values = {"MemoryUtilization": memory, "CPUUtilization": cpu}
            common_members = {"Unit": "Percent", "Dimensions": [{"Name": "Host", "Value": f"{self.name}/algo-1"}]}
            data = [{"MetricName": name, "Value": 100 * value} | common_members for name, value in values.items()]
            put_metrics(self.platform.cloudwatch, self.log_group, data)

    def check_ending(self, ending: Ending, log: JobLog, failure: Path) -> None:
        """Raise JobStopped, JobTimedOut, or JobFailed with a reason like SageMaker's, unless the command succeeded."""
        job = self.job
        if ending.reason in ("stopped", "time"):
            job.raise_if_stopping()
            raise JobStopped
        if limit := exceeded_limit(ending, job.instance):
            raise JobFailed(f"AlgorithmError: {limit}, exit code: 137")
        if ending.code == 0:
            return
        code = ending.code if ending.code is not None else 128 + (ending.signal or 0)
        file_reason, last_output = read_text(failure), last_message(list(log.tail))
        reason = replace_host_paths(file_reason, job.folder)[:900] or replace_host_paths(last_output, job.folder)[-900:]
        if explanation := explain(self._sandbox, file_reason or last_output, list(log.tail)):
            log.line(explanation)
            reason = f"{reason[:600]}\n{explanation}"
        raise JobFailed(f"AlgorithmError: {reason or 'The command printed nothing'}, exit code: {code}")
