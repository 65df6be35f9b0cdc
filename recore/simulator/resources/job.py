"""What the kinds of job share: they begin, are listed and stopped, run, and end in one of three ways."""

import contextlib
import logging
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from recore.simulator.compute.jobs import host_disk
from recore.simulator.compute.jobs.failure import INTERRUPTED, JobFailed, JobStopped, JobTimedOut
from recore.simulator.compute.jobs.logs import JobLog
from recore.simulator.compute.jobs.metrics import TrainingMetrics, put_utilization
from recore.simulator.compute.jobs.process import Ending
from recore.simulator.compute.jobs.queue import Job
from recore.simulator.compute.jobs.reasons import as_in_a_container, exceeded, last_error, text_of
from recore.simulator.compute.jobs.volume import Volume
from recore.simulator.isolation.instances import Instance, instance_of
from recore.simulator.resources.resource import Resource
from recore.simulator.state.records import Record, now

logger = logging.getLogger(__name__)


class JobResource(Resource):
    """A kind of job. A subclass says in `execute` what it does; what that returns is kept with the record."""

    verbs = ("Describe", "List", "Stop")
    runs = True
    log_group: ClassVar[str]
    started: ClassVar[str]  # the member that holds the time when it began to run
    ended: ClassVar[str]
    timed_out: ClassVar[Record] = {}  # what is kept of one whose time limit ended it

    def resume(self) -> None:
        """Jobs that were in progress when an earlier simulator ended have failed."""
        for record in self.store.all(self.kind):
            if record[f"{self.kind}Status"] in self.running:
                self.end(record[f"{self.kind}Name"], "Failed", FailureReason=INTERRUPTED)

    def execute(self, record: Record, job: Job) -> Record:
        """Do the work. Raises JobFailed or JobStopped."""
        raise NotImplementedError

    def begin(self, request: Record, **members: Any) -> str:
        """Keep a new job and queue it; its ARN."""
        arn, name = self.add(request, **{f"{self.kind}Status": "InProgress"}, **members), request[f"{self.kind}Name"]
        try:
            self.platform.jobs.submit(arn, partial(self._work, name))
        except RuntimeError as error:  # no thread can be started
            self.end(name, "Failed", FailureReason=f"InternalServerError: {error!r}"[:1024])
        return arn

    def stop(self, operation: str, request: Record) -> Record:
        answer = super().stop(operation, request)
        self.platform.jobs.stop(self.arn(self.key(request)))
        return answer

    def change(self, name: str, **members: Any) -> None:
        self.store.update(self.kind, name, LastModifiedTime=now(), **members)

    def end(self, name: str, status: str, **members: Any) -> None:
        """Keep how a job ended. One that was told to stop ends Stopped, whatever it came to meanwhile."""

        def ended(record: Record) -> Record:
            if record[f"{self.kind}Status"] == "Stopping":
                return self.ended_record(record, "Stopped", {})
            return self.ended_record(record, status, members)

        self.store.change(self.kind, name, ended)

    def ended_record(self, record: Record, status: str, members: Record) -> Record:
        """The record of a job that has ended."""
        time = now()
        return record | {f"{self.kind}Status": status, self.ended: time, "LastModifiedTime": time} | members

    @contextlib.contextmanager
    def limited(self, record: Record, job: Job, cluster: Record, log: JobLog) -> Iterator[Volume]:
        """Within, a job may use its instance, its volume and its time; its log is complete afterwards."""
        volume = Volume.of(cluster["VolumeSizeInGB"])
        limit = record.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86_400)
        job.limit(limit, instance_of(cluster["InstanceType"]).with_volume(volume.size, job.place))
        try:
            yield volume
        except JobTimedOut as over:
            log.line(str(over))
            raise
        finally:
            log.deliver()  # also what was written before the job's command could start

    def log(self, name: str, metrics: TrainingMetrics | None = None, instance: int = 1) -> JobLog:
        """The log stream of one of a job's instances."""
        stream = f"{name}/algo-{instance}-{int(time.time())}"
        return JobLog(self.platform.logs, self.log_group, name, metrics, stream).create()

    def measure(self, name: str, ending: Ending, instance: Instance | None) -> None:
        """Tell CloudWatch what a job took of its instance's memory and processors, once at its end."""
        if instance:
            memory, processors = ending.peak / instance.memory, ending.processor_seconds / max(ending.seconds, 1e-3)
            put_utilization(self.platform.cloudwatch, self.log_group, name, memory, processors)

    def check_ending(self, job: Job, ending: Ending, log: JobLog, failure: Path) -> None:
        """Raise JobFailed with SageMaker's kind of reason where a command did not end well; JobStopped, JobTimedOut."""
        if ending.reason in ("stopped", "time"):
            job.raise_if_stopping()
            raise JobStopped
        if limit := exceeded(ending, job.instance):
            raise JobFailed(f"AlgorithmError: {limit}, exit code: 137")
        if ending.code == 0:
            return
        code = ending.code if ending.code is not None else 128 + (ending.signal or 0)
        said = as_in_a_container(text_of(failure), job.folder)[:900]
        said = said or as_in_a_container(last_error(list(log.tail)), job.folder)[-900:]
        raise JobFailed(f"AlgorithmError: {said or 'The command said nothing'}, exit code: {code}")

    def _work(self, name: str, job: Job) -> None:
        record = self.store.get(self.kind, name)
        if record is None:
            return
        try:
            # a request to stop that came before the job was in the queue has left its mark in the record alone
            if job.stopping.is_set() or record[f"{self.kind}Status"] == "Stopping":
                raise JobStopped
            self.change(name, **{self.started: now()})
            self.end(name, "Completed", **self.execute(record, job))
        except JobTimedOut:
            self.end(name, "Stopped", **self.timed_out)
        except JobStopped:
            if not job.interrupted:  # the simulator ends: the next one finds the job interrupted, as after a kill
                self.end(name, "Stopped")
        except JobFailed as failure:
            self.end(name, "Failed", FailureReason=host_disk.reason_of(failure, job.place)[:1024])
        except Exception as error:
            logger.exception("%s %s", self.kind, name)
            self.end(name, "Failed", FailureReason=host_disk.reason_of(error, job.place)[:1024])
