"""Commands that send AWS's requests to a running simulator: `stagemaker ls`, `logs` and `stop`."""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click

from stagemaker import interrupts
from stagemaker.protocol.account import arn
from stagemaker.text import printable

POLL_SECONDS = 0.5  # interval between requests for new log lines
LOG_LIMIT = 10_000  # events in one response
MAX_DELAY = 10_000  # maximum delay of an event in milliseconds, except in the last part of a long output
EXECUTION = "/execution/"  # part of the name of each pipeline execution


@dataclass(frozen=True)
class Kind:
    """A kind of resource: a type of job, or endpoints.

    operation: the snake-case name in boto3's methods. member: the prefix of response members. stop: the boto3 method
    that stops or deletes a resource. group: the log group; empty if the kind has no logs.
    """

    name: str
    operation: str
    member: str
    stop: str
    group: str = ""

    def summaries(self, sagemaker: Any) -> Iterator[dict[str, Any]]:
        """Yield the name, kind, status and creation time of each resource."""
        for page in sagemaker.get_paginator(f"list_{self.operation}s").paginate(PaginationConfig=PAGES):
            [items] = (value for value in page.values() if isinstance(value, list))
            for item in items:
                yield {
                    "name": item[f"{self.member}Name"],
                    "kind": self.name,
                    "status": item[f"{self.member}Status"],
                    "created": item["CreationTime"],
                }

    def describe(self, sagemaker: Any, name: str) -> dict[str, Any] | None:
        """Return the resource's Describe response, or None if the resource does not exist."""
        from botocore.exceptions import ClientError

        try:
            return dict(getattr(sagemaker, f"describe_{self.operation}")(**{f"{self.member}Name": name}))
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 400:
                return None
            raise


PAGES = {"PageSize": 100}
JOBS = (
    Kind("training", "training_job", "TrainingJob", "stop_training_job", "/aws/sagemaker/TrainingJobs"),
    Kind("processing", "processing_job", "ProcessingJob", "stop_processing_job", "/aws/sagemaker/ProcessingJobs"),
    Kind("transform", "transform_job", "TransformJob", "stop_transform_job", "/aws/sagemaker/TransformJobs"),
    Kind("tuning", "hyper_parameter_tuning_job", "HyperParameterTuningJob", "stop_hyper_parameter_tuning_job"),
)
ENDPOINT = Kind("endpoint", "endpoint", "Endpoint", "delete_endpoint", "/aws/sagemaker/Endpoints")
END_STATUSES = ("Completed", "Failed", "Stopped", "Deleted", "OutOfService")
selection_argument = click.argument(
    "selection", type=click.Choice(["all", "jobs", "endpoints", "pipelines"]), default="all"
)
endpoint_option = click.option(
    "--endpoint", envvar="AWS_ENDPOINT_URL", help="Address of the simulator; by default the value of AWS_ENDPOINT_URL."
)


@contextlib.contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Within the context, convert AWS client errors to ValueError, which the command line prints on one line."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise ValueError(str(error)) from None


def client(service: str, endpoint: str | None) -> Any:
    """Return a client for a running simulator. Raises ValueError if `endpoint` is empty."""
    if not endpoint:
        raise ValueError(
            "AWS_ENDPOINT_URL is not set: run `stagemaker start` and the commands that it prints, or pass --endpoint"
        )
    from botocore.config import Config

    from stagemaker.protocol.session import simulator_session

    config = Config(proxies={}, retries={"total_max_attempts": 1}, connect_timeout=5)
    return simulator_session().client(service, endpoint_url=endpoint, config=config)


@click.command()
@selection_argument
@endpoint_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def ls(selection: str, endpoint: str | None, as_json: bool) -> None:
    """List the jobs, endpoints and pipeline executions of a running simulator, newest first.

    \b
    Example:
      stagemaker ls
      stagemaker ls jobs --json
    """
    sagemaker = client("sagemaker", endpoint)
    kinds = {"jobs": JOBS, "endpoints": (ENDPOINT,), "pipelines": ()}.get(selection, (*JOBS, ENDPOINT))
    with errors_in_one_line():
        items = [item for kind in kinds for item in kind.summaries(sagemaker)]
        if selection in ("all", "pipelines"):
            items += executions(sagemaker)
    items.sort(key=lambda item: item["created"], reverse=True)
    if as_json:
        click.echo(json.dumps([item | {"created": item["created"].isoformat()} for item in items]))
        return
    rows = [
        (item["created"].astimezone().strftime("%Y-%m-%d %H:%M:%S"), item["kind"], item["status"], item["name"])
        for item in items
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(printable(line.rstrip()))


def executions(sagemaker: Any) -> Iterator[dict[str, Any]]:
    for page in sagemaker.get_paginator("list_pipelines").paginate(PaginationConfig=PAGES):
        for pipeline in page["PipelineSummaries"]:
            lists = sagemaker.get_paginator("list_pipeline_executions")
            pages = lists.paginate(PipelineName=pipeline["PipelineName"], PaginationConfig=PAGES)
            for item in (item for page in pages for item in page["PipelineExecutionSummaries"]):
                name = item["PipelineExecutionArn"].partition(":pipeline/")[2]
                status, created = item["PipelineExecutionStatus"], item["StartTime"]
                yield {"name": name, "kind": "pipeline", "status": status, "created": created}


@click.command()
@click.argument("name")
@endpoint_option
@click.option("--follow", "-f", is_flag=True, help="Keep printing until the job ends, or for an endpoint until Ctrl-C.")
def logs(name: str, endpoint: str | None, follow: bool) -> None:
    """Print the log of a job or an endpoint. NAME may be prefixed with the kind, as in endpoint/houses.

    \b
    Example:
      stagemaker logs houses --follow
    """
    sagemaker, cloudwatch = client("sagemaker", endpoint), client("logs", endpoint)
    with errors_in_one_line():
        kind, name, description = find(sagemaker, name, with_log=True)
        if not kind.group:
            raise ValueError(f"{name} has no log; choose one of its training jobs from `stagemaker ls jobs`")
        events = LogEvents(cloudwatch, kind, name)
        while True:
            is_last = description[f"{kind.member}Status"] in END_STATUSES or not follow
            for event in events.read_new(is_last):
                click.echo(printable(event["message"]))
            if is_last:
                break
            interrupts.sleep(POLL_SECONDS)
            description = kind.describe(sagemaker, name) or {f"{kind.member}Status": "Deleted"}
    if reason := description.get("FailureReason"):
        subject = "" if description[f"{kind.member}Status"] == "Failed" else "the last update of "
        click.echo(f"stagemaker: {subject}{name} failed: {printable(reason)}", err=True)


class LogEvents:
    """The log events of a job or an endpoint, each returned once.

    Events are timestamped when they are printed. With several streams, events may arrive up to a second late, and the
    last part of a long output arrives only when the output ends.
    """

    def __init__(self, cloudwatch: Any, kind: Kind, name: str):
        self._cloudwatch = cloudwatch
        self._request = {"logGroupName": kind.group, "logStreamNamePrefix": f"{name}/"}
        if kind is ENDPOINT:
            self._request = {"logGroupName": f"{kind.group}/{name}"}
        self._last_time = 0  # the time of the last event in milliseconds
        self._seen_ids: set[str] = set()

    def read_new(self, are_last: bool) -> list[dict[str, Any]]:
        """Return the new events, sorted by time. are_last: whether no more events will follow."""
        start, events = 0 if are_last else max(0, self._last_time - MAX_DELAY), []
        paginator = self._cloudwatch.get_paginator("filter_log_events")
        try:
            for page in paginator.paginate(**self._request, startTime=start, limit=LOG_LIMIT):
                events += [event for event in page["events"] if event["eventId"] not in self._seen_ids]
        except self._cloudwatch.exceptions.ResourceNotFoundException:  # nothing has been printed yet
            return []
        self._seen_ids.update(event["eventId"] for event in events)
        self._last_time = max([self._last_time, *(event["timestamp"] for event in events)])
        return sorted(events, key=lambda event: event["timestamp"])


@click.command()
@click.argument("name")
@endpoint_option
def stop(name: str, endpoint: str | None) -> None:
    """Stop a job or a pipeline execution, or delete an endpoint. NAME is the name that `stagemaker ls` prints.

    If a job and an endpoint have this name, prefix it with the kind, as in endpoint/houses.

    \b
    Example:
      stagemaker stop houses
      stagemaker stop endpoint/houses
    """
    sagemaker = client("sagemaker", endpoint)
    with errors_in_one_line():
        if EXECUTION in name:
            sagemaker.stop_pipeline_execution(
                PipelineExecutionArn=arn(f"pipeline/{name}"), ClientRequestToken=os.urandom(16).hex()
            )
            click.echo(f"{name}: stopping")
            return
        kind, name, description = find(sagemaker, name)
        if kind is not ENDPOINT and (status := description[f"{kind.member}Status"]) in END_STATUSES:
            raise ValueError(f"{name} is not running: its status is {status}")
        getattr(sagemaker, kind.stop)(**{f"{kind.member}Name": name})
        click.echo(f"{name}: {'deleting' if kind is ENDPOINT else 'stopping'}")


def find(sagemaker: Any, reference: str, with_log: bool = False) -> tuple[Kind, str, dict[str, Any]]:
    """Return the kind, name and description of the resource `KIND/NAME` or `NAME`.

    with_log: whether to prefer resources that have a log. Raises ValueError unless exactly one resource matches.
    """
    if EXECUTION in reference:
        raise ValueError(f"{reference} has no log; choose a job of one of its steps from `stagemaker ls jobs`")
    prefix, _, name = reference.rpartition("/")
    kinds = [kind for kind in (*JOBS, ENDPOINT) if prefix in ("", kind.name)]
    matches = [(kind, name, description) for kind in kinds if name and (description := kind.describe(sagemaker, name))]
    matches = [match for match in matches if match[0].group or not with_log] or matches
    if not matches:
        raise ValueError(f"no job or endpoint is named {reference!r}; choose one from `stagemaker ls`")
    if len(matches) > 1:
        raise ValueError(f"{name} is ambiguous: choose {' or '.join(f'{kind.name}/{name}' for kind, *_ in matches)}")
    return matches[0]
