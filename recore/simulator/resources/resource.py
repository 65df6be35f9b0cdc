"""What every kind of resource has: records by name, an ARN, and lists in pages.

A kind of resource is one file with a subclass of Resource. Its methods bear the names of the API's operations: the
server finds them by these names, checks the request against the service model before the call, and shapes the answer
by it after.
"""

import base64
import datetime
from typing import Any, ClassVar

from recore.simulator.errors import ServiceError
from recore.simulator.service_model import operation_model, sagemaker_model
from recore.simulator.store import Record, Store

REGION = "us-east-1"
ACCOUNT = "123456789012"


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Resource:
    """Records of one kind. The API's members are named after it: `kind` + Name, Arn, Status.

    arn_type: what stands in the ARN. newest_first: how the API's List sorts where nothing is said.
    """

    kind: ClassVar[str]
    arn_type: ClassVar[str]
    newest_first: ClassVar[bool] = False

    def __init__(self, store: Store):
        self.store = store

    @classmethod
    def operations(cls) -> list[str]:
        """The operations that this kind answers."""
        return [name for name in dir(cls) if name in sagemaker_model().operation_names]

    def arn(self, name: str) -> str:
        return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{self.arn_type}/{name}"

    def add(self, request: Record, **members: Any) -> str:
        """Keep a new record made of a Create request and some members more; its ARN. Raises where the name is taken."""
        name, time = request[f"{self.kind}Name"], now()
        record = {key: value for key, value in request.items() if key != "Tags"}
        record |= {f"{self.kind}Arn": self.arn(name), "CreationTime": time, "LastModifiedTime": time} | members
        if not self.store.add(self.kind, name, record):
            message = f"{self.kind} names must be unique within an AWS account and region, or '{name}' already exists"
            raise self.error(f"Create{self.kind}", "ResourceInUse", message)
        if request.get("Tags"):
            self.store.add("Tags", self.arn(name), {tag["Key"]: tag["Value"] for tag in request["Tags"]})
        return self.arn(name)

    def find(self, operation: str, request: Record) -> Record:
        """The record that a request names. Raises where there is none."""
        name = request[f"{self.kind}Name"]
        record = self.store.get(self.kind, name)
        if record is None:
            message = f"Requested resource not found. Could not find {self.kind} '{self.arn(name)}'"
            raise self.error(operation, "ResourceNotFound", message)
        return record

    def error(self, operation: str, code: str, message: str) -> ServiceError:
        """An error of that code where the API's model of the operation has it, or else a ValidationException."""
        modelled = {shape.name for shape in operation_model(operation).error_shapes}
        return ServiceError(code if code in modelled else "ValidationException", message)

    def page(self, request: Record, member: str) -> Record:
        """A List answer: records filtered, sorted and in pages as the request asks, under `member`."""
        status, arn = f"{self.kind}Status", f"{self.kind}Arn"
        chosen = [record for record in self.store.all(self.kind) if self._is_chosen(record, request)]
        by = {"Name": f"{self.kind}Name", "Status": status}.get(request.get("SortBy", ""), "CreationTime")
        descending = request.get("SortOrder", "Descending" if self.newest_first else "Ascending") == "Descending"
        chosen.sort(key=lambda record: (record[by], record[arn]), reverse=descending)
        first = _read_token(request.get("NextToken"))
        last = first + request.get("MaxResults", 10)
        answer: Record = {member: chosen[first:last]}
        if last < len(chosen):
            answer["NextToken"] = base64.b64encode(f"from {last}".encode()).decode()
        return answer

    def _is_chosen(self, record: Record, request: Record) -> bool:
        for member in ("CreationTime", "LastModifiedTime"):
            if member + "After" in request and not record[member] > request[member + "After"]:
                return False
            if member + "Before" in request and not record[member] < request[member + "Before"]:
                return False
        if "StatusEquals" in request and record.get(f"{self.kind}Status") != request["StatusEquals"]:
            return False
        return request.get("NameContains", "").lower() in record[f"{self.kind}Name"].lower()


def _read_token(token: str | None) -> int:
    if token is None:
        return 0
    try:
        word, number = base64.b64decode(token, validate=True).decode().split()
        if word == "from" and number.isdecimal():
            return int(number)
    except ValueError:
        pass
    raise ServiceError("ValidationException", "Invalid NextToken")
