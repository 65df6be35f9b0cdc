"""The commands for a simulator that is running elsewhere: `stagemaker ls`, `logs` and `stop`, which call it as AWS."""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import click

from stagemaker.protocol.account import REGION, arn

POLL_SECONDS = 0.5  # between two requests for the lines that a job has printed since
LOG_LIMIT = 10_000  # events in one response


@dataclass(frozen=True)
class Kind:
    """A kind of resource that runs. member: the first part of its members' names. group: the log group of its jobs."""

    name: str
    member: str
    list_operation: str
    stop_operation: str
    group: str = ""

    def summaries(self, sagemaker: Any) -> Iterator[dict[str, Any]]:
        """Yield name, kind, status, creation time and reason of failure, the newest first."""
        paginator = sagemaker.get_paginator(self.list_operation)
        for page in paginator.paginate(SortBy="CreationTime", SortOrder="Descending"):
            [items] = (value for value in page.values() if isinstance(value, list))
            for item in items:
                yield {
                    "name": item[f"{self.member}Name"],
                    "kind": self.name,
                    "status": item[f"{self.member}Status"],
                    "created": item["CreationTime"],
                }

    def describe(self, sagemaker: Any, name: str) -> dict[str, Any] | None:
        from botocore.exceptions import ClientError

        describe = getattr(sagemaker, self.list_operation.replace("list_", "describe_").removesuffix("s"))
        try:
            return dict(describe(**{f"{self.member}Name": name}))
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 400:
                return None
            raise


JOBS = (
    Kind("training", "TrainingJob", "list_training_jobs", "stop_training_job", "/aws/sagemaker/TrainingJobs"),
    Kind("processing", "ProcessingJob", "list_processing_jobs", "stop_processing_job", "/aws/sagemaker/ProcessingJobs"),
    Kind("transform", "TransformJob", "list_transform_jobs", "stop_transform_job", "/aws/sagemaker/TransformJobs"),
    Kind("tuning", "HyperParameterTuningJob", "list_hyper_parameter_tuning_jobs", "stop_hyper_parameter_tuning_job"),
)
ENDPOINT = Kind("endpoint", "Endpoint", "list_endpoints", "delete_endpoint", "/aws/sagemaker/Endpoints")
RUNNING = ("InProgress", "Creating", "Updating", "InService", "Executing")
what = click.argument("what", type=click.Choice(["all", "jobs", "endpoints", "pipelines"]), default="all")
address = click.option(
    "--endpoint", envvar="AWS_ENDPOINT_URL", help="Address of the simulator; by default AWS_ENDPOINT_URL."
)


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Raise ValueError, which the command line shows in one line, for what the simulator refuses or does not answer."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise ValueError(str(error)) from None


def client(service: str, endpoint: str | None) -> Any:
    """Return a client of a running simulator. Raises ValueError if its address is not known."""
    if not endpoint:
        raise ValueError(
            "AWS_ENDPOINT_URL is not set: run `stagemaker start` and the commands that it prints, or give --endpoint"
        )
    import boto3
    from botocore.config import Config

    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    given = {} if os.environ.get("AWS_ACCESS_KEY_ID") else keys
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=5)
    return boto3.client(service, region_name=REGION, endpoint_url=endpoint, config=config, **given)


@click.command()
@what
@address
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def ls(what: str, endpoint: str | None, as_json: bool) -> None:
    """List jobs, endpoints and executions of pipelines of a running simulator, the newest first.

    \b
    Example:
      stagemaker ls
      stagemaker ls jobs --json
    """
    sagemaker = client("sagemaker", endpoint)
    kinds = {"jobs": JOBS, "endpoints": (ENDPOINT,), "pipelines": ()}.get(what, (*JOBS, ENDPOINT))
    with reported():
        items = [item for kind in kinds for item in kind.summaries(sagemaker)]
        if what in ("all", "pipelines"):
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
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def executions(sagemaker: Any) -> Iterator[dict[str, Any]]:
    for page in sagemaker.get_paginator("list_pipelines").paginate():
        for pipeline in page["PipelineSummaries"]:
            pages = sagemaker.get_paginator("list_pipeline_executions").paginate(PipelineName=pipeline["PipelineName"])
            for item in (item for page in pages for item in page["PipelineExecutionSummaries"]):
                name = item["PipelineExecutionArn"].partition(":pipeline/")[2]
                status, created = item["PipelineExecutionStatus"], item["StartTime"]
                yield {"name": name, "kind": "pipeline", "status": status, "created": created}


@click.command()
@click.argument("name")
@address
@click.option("--follow", "-f", is_flag=True, help="Go on until the job ends, or until Ctrl-C for an endpoint.")
def logs(name: str, endpoint: str | None, follow: bool) -> None:
    """Print what a job or an endpoint printed.

    \b
    Example:
      stagemaker logs houses --follow
    """
    sagemaker, cloudwatch = client("sagemaker", endpoint), client("logs", endpoint)
    with reported():
        kind, description = find(sagemaker, name, lambda kind: bool(kind.group))
        seen: set[str] = set()
        while True:
            has_ended = description[f"{kind.member}Status"] not in (*RUNNING, "Stopping", "Deleting")
            for event in new_events(cloudwatch, kind, name, seen):
                click.echo(event["message"])
            if has_ended or not follow:
                return
            time.sleep(POLL_SECONDS)
            description = kind.describe(sagemaker, name) or {f"{kind.member}Status": "Deleted"}


def new_events(cloudwatch: Any, kind: Kind, name: str, seen: set[str]) -> Iterator[dict[str, Any]]:
    request = {"logGroupName": kind.group, "logStreamNamePrefix": f"{name}/"}
    if kind is ENDPOINT:
        request = {"logGroupName": f"{kind.group}/{name}"}
    try:
        for page in cloudwatch.get_paginator("filter_log_events").paginate(**request, limit=LOG_LIMIT):
            for event in page["events"]:
                if event["eventId"] not in seen:
                    seen.add(event["eventId"])
                    yield event
    except cloudwatch.exceptions.ResourceNotFoundException:  # nothing has been printed yet
        return


@click.command()
@click.argument("name")
@address
def stop(name: str, endpoint: str | None) -> None:
    """Stop a job or an execution of a pipeline, or delete an endpoint.

    \b
    Example:
      stagemaker stop houses
    """
    sagemaker = client("sagemaker", endpoint)
    with reported():
        if "/execution/" in name:
            sagemaker.stop_pipeline_execution(
                PipelineExecutionArn=arn(f"pipeline/{name}"), ClientRequestToken=os.urandom(16).hex()
            )
            click.echo(f"{name}: stopping")
            return
        kind, description = find(sagemaker, name)
        if description[f"{kind.member}Status"] not in RUNNING:
            raise ValueError(f"{name} is not running: its status is {description[f'{kind.member}Status']}")
        getattr(sagemaker, kind.stop_operation)(**{f"{kind.member}Name": name})
        click.echo(f"{name}: {'deleting' if kind is ENDPOINT else 'stopping'}")


def find(sagemaker: Any, name: str, test: Callable[[Kind], bool] = lambda kind: True) -> tuple[Kind, dict[str, Any]]:
    """Return what has a name, what is running first. Raises ValueError if nothing has it."""
    kinds = [kind for kind in (*JOBS, ENDPOINT) if test(kind)]
    found = [(kind, described) for kind in kinds if (described := kind.describe(sagemaker, name))]
    if not found:
        raise ValueError(f"there is no job or endpoint {name!r}: `stagemaker ls` lists them")
    return min(found, key=lambda pair: pair[1][f"{pair[0].member}Status"] not in RUNNING)
