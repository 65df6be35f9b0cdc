"""What the expressions of a step read in an execution: parameters, variables, results of steps and files on S3."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from recore.simulator.compute.files import transfers
from recore.simulator.compute.files.output_files import Check
from recore.simulator.orchestration.pipelines.definitions.problems import StepFailure
from recore.simulator.state.records import Record

LARGEST_FILE = 16 << 20  # bytes of a property file


class StepContext:
    """The values that the expressions of one step refer to.

    properties: returns the properties of a step that ended, by its name. step: the record of this step, if it has one.
    check: called before each file is read; it raises when the work must end.
    """

    def __init__(
        self,
        execution: Record,
        s3: Any,
        properties: Callable[[str], Record],
        step: Record | None = None,
        check: Check = lambda: None,
    ):
        self.parameters: Mapping[str, Any] = execution["Parameters"]
        self.experiment: Mapping[str, str] = execution.get("PipelineExperimentConfig", {})
        self._execution, self._s3, self._properties, self._step = execution, s3, properties, step or {}
        self._check, self._last = check, ("", None)

    def variable(self, name: str) -> str:
        arn, started = self._execution["PipelineExecutionArn"], self._execution["CreationTime"]
        if name in ("TrainingJobName", "ProcessingJobName"):
            return str(self._step["Job"])
        if name == "CurrentDateTime":
            return _time(self._step.get("AttemptTime", started))
        values = {
            "PipelineName": self._execution["PipelineName"],
            "PipelineArn": self._execution["PipelineArn"],
            "PipelineExecutionId": arn.rpartition("/")[2],
            "PipelineExecutionArn": arn,
            "StartDateTime": _time(started),
        }
        return str(values[name])

    def properties(self, step: str) -> Record:
        return self._properties(step)

    def read_json(self, uri: str) -> Any:
        """Return a JSON document on S3. Raises StepFailure if it is not there, too large or not valid."""
        self._check()
        if uri != self._last[0]:  # the conditions of a step read the same file again and again
            self._last = uri, self._read(uri)
        return self._last[1]

    def _read(self, uri: str) -> Any:
        bucket, key = transfers.parse(uri)
        try:
            answer = self._s3.get_object(Bucket=bucket, Key=key)
            if answer["ContentLength"] > LARGEST_FILE:
                raise StepFailure(f"ClientError: {uri} has more than {LARGEST_FILE} bytes")
            return json.loads(answer["Body"].read().decode(), parse_constant=_no_constant)
        except (ClientError, BotoCoreError) as error:
            raise StepFailure(f"ClientError: {uri} cannot be read: {error}") from None
        except (ValueError, RecursionError) as error:
            raise StepFailure(f"ClientError: {uri} is not valid JSON: {str(error)[:200]}") from None


def _time(value: Any) -> str:
    return str(value.isoformat(timespec="milliseconds"))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not in JSON")
