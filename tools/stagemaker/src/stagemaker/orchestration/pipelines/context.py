"""The values that a step's expressions use: parameters, execution variables, step results, and files on S3."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stagemaker.compute.files import transfers
from stagemaker.compute.files.output_files import StopCheck, ignore
from stagemaker.orchestration.pipelines.document import StepFailure
from stagemaker.state.records import Record, StoredRecord
from stagemaker.text import reject_constant

MAX_FILE_SIZE = 16 << 20  # bytes of a property file


class StepContext:
    """The values to which one step's expressions refer.

    records: the records of the execution's steps, by name. step: the step's name, or an empty string outside a step.
    """

    def __init__(
        self,
        execution: StoredRecord,
        s3: Any,
        records: Mapping[str, StoredRecord],
        step: str = "",
        raise_if_stopping: StopCheck = ignore,
    ):
        self.parameters: Mapping[str, Any] = execution.internal["Parameters"]
        self.experiment: Mapping[str, str] = execution.get("PipelineExperimentConfig", {})
        self._execution, self._s3, self._records = execution, s3, records
        self._attempt: Record = records[step].internal if step else {}
        self._raise_if_stopping, self._last_document = raise_if_stopping, ("", None)

    def variable(self, name: str) -> str:
        arn, start_time = self._execution["PipelineExecutionArn"], self._execution["CreationTime"]
        values = {
            "PipelineName": self._execution["PipelineArn"].rpartition("/")[2],
            "PipelineArn": self._execution["PipelineArn"],
            "PipelineExecutionId": arn.rpartition("/")[2],
            "PipelineExecutionArn": arn,
            "StartDateTime": _time(start_time),
            "CurrentDateTime": _time(self._attempt.get("AttemptTime", start_time)),
            "TrainingJobName": self._attempt.get("Job"),
            "ProcessingJobName": self._attempt.get("Job"),
        }
        return str(values[name])

    def properties(self, step: str) -> Record:
        return dict(self._records[step].internal["Properties"])

    def read_json(self, uri: str) -> Any:
        """Return a JSON document from S3. Raises StepFailure if it does not exist, or is too large or invalid."""
        self._raise_if_stopping()
        if uri != self._last_document[0]:  # the conditions of a step often read the same file repeatedly
            self._last_document = uri, self._read(uri)
        return self._last_document[1]

    def _read(self, uri: str) -> Any:
        bucket, key = transfers.parse(uri)
        try:
            response = self._s3.get_object(Bucket=bucket, Key=key)
            if response["ContentLength"] > MAX_FILE_SIZE:
                raise StepFailure(f"ClientError: {uri} is larger than {MAX_FILE_SIZE} bytes")
            return json.loads(response["Body"].read().decode(), parse_constant=reject_constant)
        except (ClientError, BotoCoreError) as error:
            raise StepFailure(f"ClientError: {uri} could not be read: {error}") from None
        except (ValueError, RecursionError) as error:
            raise StepFailure(f"ClientError: {uri} is not valid JSON: {str(error)[:200]}") from None


def _time(value: Any) -> str:
    return str(value.isoformat(timespec="milliseconds"))
