"""What every kind of resource has: records by name, an ARN, and lists in pages.

A kind of resource is one file with a subclass of Resource. Its methods bear the names of the API's operations: the
server finds them by these names, checks the request against the service model before the call, and shapes the answer
by it after.
"""

import base64
import datetime
import json
from operator import itemgetter
from typing import Any, ClassVar

from recore.simulator.errors import ServiceError
from recore.simulator.service_model import operation_model, sagemaker_model
from recore.simulator.store import Record, Store

REGION = "us-east-1"
ACCOUNT = "123456789012"
MOST_TAGS = 50


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
        tags = merged_tags([], request.get("Tags", []))
        if not self.store.add(self.kind, name, record):
            words = self.arn_type.replace("-", " ")
            message = (
                f"Cannot create already existing {words} '{self.arn(name)}': a {words} of this name already exists"
            )
            raise self.error(f"Create{self.kind}", "ResourceInUse", message)
        if tags:
            self.store.add("Tags", self.arn(name), {"Tags": tags})
        return self.arn(name)

    def find(self, operation: str, request: Record) -> Record:
        """The record that a request names. Raises where there is none."""
        name = request[f"{self.kind}Name"]
        record = self.store.get(self.kind, name)
        if record is None:
            message = (
                f"Requested resource not found. Could not find {self.arn_type.replace('-', ' ')} '{self.arn(name)}'"
            )
            raise self.error(operation, "ResourceNotFound", message)
        return record

    def error(self, operation: str, code: str, message: str) -> ServiceError:
        """An error of that code where the API's model of the operation has it, or else a ValidationException."""
        modelled = {shape.name for shape in operation_model(operation).error_shapes}
        return ServiceError(code if code in modelled else "ValidationException", message)

    def page(self, request: Record, member: str) -> Record:
        """A List answer: records filtered, sorted and in pages as the request asks, under `member`."""
        by = {"Name": f"{self.kind}Name", "Status": f"{self.kind}Status"}.get(request.get("SortBy", ""), "CreationTime")
        descending = request.get("SortOrder", "Descending" if self.newest_first else "Ascending") == "Descending"
        chosen = [record for record in self.store.all(self.kind) if self._is_chosen(record, request)]
        placed = sorted(((self._place(record, by), record) for record in chosen), key=itemgetter(0), reverse=descending)
        if "NextToken" in request:
            last = _read_token(request["NextToken"])
            placed = [(place, record) for place, record in placed if (place < last if descending else place > last)]
        shown = placed[: request.get("MaxResults", 10)]
        answer: Record = {member: [record for _, record in shown]}
        if len(shown) < len(placed):
            answer["NextToken"] = base64.b64encode(json.dumps(shown[-1][0]).encode()).decode()
        return answer

    def _place(self, record: Record, by: str) -> tuple[str, str]:
        """Where a record stands in a list: text, so that a page can go on from there when records came or went."""
        value = record[by]
        text = value.isoformat(timespec="microseconds") if isinstance(value, datetime.datetime) else value
        return text, record[f"{self.kind}Arn"]

    def _is_chosen(self, record: Record, request: Record) -> bool:
        for member in ("CreationTime", "LastModifiedTime"):
            if member + "After" in request and not record[member] > request[member + "After"]:
                return False
            if member + "Before" in request and not record[member] < request[member + "Before"]:
                return False
        for member, value in request.items():
            name = f"{self.kind}Status" if member == "StatusEquals" else member.removesuffix("Equals")
            if member.endswith("Equals") and record.get(name) != value:
                return False
        return request.get("NameContains", "").lower() in record[f"{self.kind}Name"].lower()


def merged_tags(tags: list[Record], new: list[Record]) -> list[Record]:
    """Tags with new ones, which replace those of the same key. Raises ServiceError if a resource cannot have them."""
    merged = {tag["Key"]: tag for tag in [*tags, *new]}
    if len(merged) > MOST_TAGS:
        raise ServiceError("ValidationException", f"A resource can have {MOST_TAGS} tags")
    if any(tag["Key"].lower().startswith("aws:") for tag in new):
        raise ServiceError("ValidationException", "aws: is a prefix of tag keys that is reserved")
    return list(merged.values())


def _read_token(token: str) -> tuple[str, str]:
    try:
        value, arn = json.loads(base64.b64decode(token, validate=True))
    except (ValueError, TypeError, RecursionError):
        value = arn = None
    if not isinstance(value, str) or not isinstance(arn, str):
        raise ServiceError("ValidationException", "Invalid NextToken")
    return value, arn
