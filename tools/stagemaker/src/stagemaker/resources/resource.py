"""The base class of all kinds of resources: records with keys and ARNs, and the operations that all kinds share.

Each kind is a subclass of Resource in a separate file, and one line in the registry. Its methods are named after the
API's operations, receive requests that the service model accepts, and return the members of the response. Kinds that
need no special code for Describe, List, Stop or Delete list these operations in `verbs` instead.
"""

import hashlib
import json
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from stagemaker.compute.job import Job
from stagemaker.compute.platform import Platform
from stagemaker.orchestration.runner import Work, begin
from stagemaker.protocol import error_messages
from stagemaker.protocol.account import arn
from stagemaker.protocol.errors import ServiceError, ValidationException
from stagemaker.protocol.service_model import operation_model, sagemaker_model
from stagemaker.resources.paging import Position, make_page, sort_key
from stagemaker.state.records import Record, StoredRecord, now, to_json

MAX_TAGS = 50

Filter = tuple[str, Callable[[Any, Any], bool]]  # a record's member, and its comparison with the request's value
# for kinds whose message in SageMaker is unknown; contains all phrases for which programs search
RESOURCE_MISSING = "Could not find {title} '{arn}', which does not exist (Requested resource not found)"
PAGING_MEMBERS = {"MaxResults", "NextToken", "SortBy", "SortOrder"}


class Resource:
    """The records of one kind of resource. The API's members are named after the kind: `kind` + Name, Arn, Status.

    arn_type: the part of an ARN before the record's key. verbs: the operations among Describe, List, Stop and
    Delete that this class implements for the kind. filters: List's additional filters, by request member.
    sort_members: the member that each additional value of List's SortBy sorts by. newest_first: whether List
    returns the newest records first by default. runs: whether the simulator runs such a resource, instead of only
    recording it. work: creates the background work of resources that wait for others. running_statuses: the
    statuses of a resource whose work has not ended. title: the kind's name in messages, if it differs from
    arn_type. missing_message, exists_message: the messages for a missing or existing resource, with the
    placeholders of `error_messages`. missing_messages: other messages for a missing resource, by operation.
    missing_code: the error's code, if the operation's model lists it.
    """

    kind: ClassVar[str]
    arn_type: ClassVar[str]
    title: ClassVar[str] = ""
    missing_code: ClassVar[str] = "ResourceNotFound"
    missing_message: ClassVar[str] = RESOURCE_MISSING
    missing_messages: ClassVar[dict[str, str]] = {}
    exists_message: ClassVar[str] = error_messages.RESOURCE_EXISTS
    verbs: ClassVar[tuple[str, ...]] = ()
    filters: ClassVar[dict[str, Filter]] = {}
    sort_members: ClassVar[dict[str, str]] = {}
    newest_first: ClassVar[bool] = False
    runs: ClassVar[bool] = False
    work: Callable[[Platform, str, Job], Work] | None = None
    running_statuses: ClassVar[tuple[str, ...]] = ("InProgress", "Stopping")

    def __init__(self, platform: Platform):
        self.platform, self.store = platform, platform.store

    def resume(self) -> None:
        """Continue the work that an earlier simulator began. Called once, before any request is handled."""
        if self.work:
            for key, record in self.store.items(self.kind):
                if record[f"{self.kind}Status"] in self.running_statuses:
                    self.begin_work(key)

    def begin_work(self, key: str) -> None:
        """Begin the background work of a resource, if its kind has any. It continues after a restart."""
        if self.work:
            begin(self.platform, self.kind, key, self.work)

    @classmethod
    def operations(cls) -> list[str]:
        special_operations = [name for name in dir(cls) if name in sagemaker_model().operation_names]
        return special_operations + [name for name in map(cls.operation, cls.verbs) if name not in special_operations]

    @classmethod
    def operation(cls, verb: str) -> str:
        return f"{verb}{cls.kind}s" if verb == "List" else f"{verb}{cls.kind}"

    def handle(self, operation: str, request: Record) -> Any:
        if hasattr(self, operation):
            return getattr(self, operation)(request)
        [verb] = [verb for verb in self.verbs if self.operation(verb) == operation]
        handlers = {"Describe": self._describe, "List": self.page, "Stop": self.stop, "Delete": self.delete}
        return handlers[verb](operation, request)

    @classmethod
    def arn(cls, key: str) -> str:
        return arn(f"{cls.arn_type}/{key}")

    @classmethod
    def key(cls, request: Record) -> str:
        """Return the key of the record whose name or ARN is in the request. An ARN ends with the key."""
        name_or_arn: str = request.get(f"{cls.kind}Name") or request[f"{cls.kind}Arn"]
        return name_or_arn.removeprefix(cls.arn(""))

    @classmethod
    def message(cls, template: str, key: str, **values: str) -> str:
        """Fill in the placeholders of a message about a resource. key: its key or, for any kind, its ARN."""
        title = cls.title or cls.arn_type.replace("-", " ")
        return template.format(title=title, name=key, arn=key if key.startswith("arn:") else cls.arn(key), **values)

    def check_image(self, image: str) -> None:
        if problem := self.platform.isolation.unsupported_reason(image):
            raise ValidationException(problem)

    def has(self, arn: str) -> bool:
        return arn.startswith(self.arn("")) and self.store.get(self.kind, arn.removeprefix(self.arn(""))) is not None

    def add(
        self, request: Record, new_key: str | None = None, internal: Record | None = None, /, **members: Any
    ) -> str:
        """Store a record with the members of a Create request and `members`, and return its ARN.

        new_key: the record's key if the request does not contain it. internal: members that responses do not contain.
        Raises ServiceError if the key already exists.
        """
        key, time = new_key or self.key(request), now()
        record = {key: value for key, value in request.items() if key != "Tags"}
        record |= {f"{self.kind}Arn": self.arn(key), "CreationTime": time, "LastModifiedTime": time} | members
        tags = merge_tags([], request.get("Tags", []))
        with self.store.transaction():
            if not self.store.add(self.kind, key, record, internal):
                raise self.already_exists(key)
            if tags:
                self.store.add("Tags", self.arn(key), {"Tags": tags})
        return self.arn(key)

    def find(self, operation: str, request: Record) -> StoredRecord:
        """Return the record to which a request refers. Raises ServiceError if it does not exist."""
        key = self.key(request)
        record = self.store.get(self.kind, key)
        if record is None:
            template = self.missing_messages.get(operation, self.missing_message)
            raise self.error(operation, self.missing_code, self.message(template, key))
        return record

    def describe_record(self, record: StoredRecord) -> Record:
        return record

    def _describe(self, operation: str, request: Record) -> Record:
        return self.describe_record(self.find(operation, request))

    def stop(self, operation: str, request: Record) -> Record:
        """Set the status of a resource to Stopping. Raises ServiceError if it is not running.

        The resource's work polls the status and then stops.
        """
        with self.store.transaction():  # so that the resource does not end in the meantime
            status = self.find(operation, request)[f"{self.kind}Status"]
            if status not in self.running_statuses:
                raise ValidationException(self.message(error_messages.NOT_STOPPABLE, self.key(request), status=status))
            members = {f"{self.kind}Status": "Stopping", "LastModifiedTime": now()}
            self.store.update(self.kind, self.key(request), **members)
        return {}

    def delete(self, operation: str, request: Record) -> Record:
        """Delete the record to which a request refers, and its tags. Raises ServiceError if it does not exist."""
        with self.store.transaction():  # a later resource of the same name must not inherit the tags
            record = self.find(operation, request)
            self.store.delete("Tags", record[f"{self.kind}Arn"])
            self.store.delete(self.kind, self.key(request))
        return {}

    def run_once(self, operation: str, request: Record, act: Callable[[Record], Record]) -> Record:
        """Carry out a request with `act`, or return the first response if the request's client token is repeated.

        act: receives the request without its token. Raises ServiceError if a different request used the token.
        """
        token = request.pop("ClientToken", None) or request.pop("ClientRequestToken", None)
        if token is None:
            return act(request)
        key, document = f"{operation}/{token}", json.dumps(json.loads(to_json(request)), sort_keys=True)
        digest = hashlib.sha256(document.encode()).hexdigest()
        with self.store.transaction():  # a second request with the same token waits for the response of the first
            earlier_request = self.store.get("ClientToken", key)
            if earlier_request is None:
                response = act(request)
                self.store.add("ClientToken", key, {"Request": digest, "Answer": response})
                return response
        if earlier_request["Request"] != digest:
            message = f"The client token '{token}' was already used with a different {operation} request"
            raise self.error(operation, "ConflictException", message)
        return dict(earlier_request["Answer"])

    def already_exists(self, key: str) -> ServiceError:
        return self.error(f"Create{self.kind}", "ResourceInUse", self.message(self.exists_message, key))

    def error(self, operation: str, code: str, message: str) -> ServiceError:
        """Return an error with this code if the operation's model lists it, otherwise a ValidationException."""
        error_codes = {shape.name for shape in operation_model(operation).error_shapes}
        return ServiceError(code if code in error_codes else "ValidationException", message)

    def page(self, operation: str, request: Record) -> Record:
        """Return the response of List: the records, filtered, sorted and paged according to the request.

        Raises ServiceError if this kind does not support a filter or the sort order.
        """
        members = operation_model(operation).output_shape.members
        [member] = [name for name, shape in members.items() if shape.type_name == "list"]
        records = self.matching_records(operation, request)
        sort_members = {"Name": f"{self.kind}Name", "Status": f"{self.kind}Status", "CreationTime": "CreationTime"}
        sort_member = (sort_members | self.sort_members).get(request.get("SortBy", "CreationTime"))
        if sort_member is None:
            raise ValidationException(f"{operation}: sorting by {request['SortBy']} is not simulated")
        descending = request.get("SortOrder", "Descending" if self.newest_first else "Ascending") == "Descending"
        return make_page(
            request, member, [(self.position(record, sort_member), record) for record in records], descending
        )

    def listed_value(self, record: Record, member: str) -> Any:
        """Return the value of a member by which List filters or sorts, or None if it is missing."""
        return record.get(member)

    def position(self, record: Record, sort_member: str) -> Position:
        value = self.listed_value(record, sort_member)
        return sort_key("" if value is None else value), record[f"{self.kind}Arn"]

    def matching_records(self, operation: str, request: Record) -> list[StoredRecord]:
        filters: dict[str, Filter] = {
            "NameContains": (f"{self.kind}Name", lambda name, part: part.lower() in name.lower()),
            "StatusEquals": (f"{self.kind}Status", operator.eq),
        }
        for time in ("CreationTime", "LastModifiedTime"):
            filters |= {f"{time}After": (time, operator.gt), f"{time}Before": (time, operator.lt)}
        filters |= self.filters
        if unknown_filters := sorted(request.keys() - filters.keys() - PAGING_MEMBERS):
            raise ValidationException(f"{operation}: filtering by {', '.join(unknown_filters)} is not simulated")
        records = self.store.shared(self.kind)
        for name in request.keys() - PAGING_MEMBERS:
            member, test = filters[name]
            values = [(self.listed_value(record, member), record) for record in records]
            records = [record for value, record in values if value is not None and test(value, request[name])]
        return records


def find_repeated(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def merge_tags(tags: list[Record], new_tags: list[Record]) -> list[Record]:
    """Return `tags` and the new tags, which replace tags with the same keys. Raises ServiceError for invalid tags."""
    tags_by_key = {tag["Key"]: tag for tag in [*tags, *new_tags]}
    if len(tags_by_key) > MAX_TAGS:
        raise ValidationException(f"A resource can have at most {MAX_TAGS} tags")
    if any(tag["Key"].lower().startswith("aws:") for tag in new_tags):
        raise ValidationException("Tag keys must not begin with the reserved prefix aws:")
    return list(tags_by_key.values())


def parse_json_object(value: str, location: str) -> dict[str, Any]:
    """Parse a JSON object. Raises ServiceError if it is invalid. location: its location in the request."""
    try:
        document = json.loads(value)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ValidationException(f"{location} must be a JSON object")
    return document


def reject_members(request: Record, unsimulated_members: Iterable[str], location: str) -> None:
    """Raise ServiceError if a request has one of these members with a value other than false."""
    for name in unsimulated_members:
        if request.get(name, False) is not False:
            raise ValidationException(f"{location}: {name} is not simulated")


def unsimulated_value(members: Record, simulated_values: Mapping[str, Sequence[str]]) -> str | None:
    """Return a message about the first member whose value is not simulated, or None.

    simulated_values: the simulated values of each member, beginning with its default.
    """
    for name, values in simulated_values.items():
        if (value := members.get(name, values[0])) not in values:
            return f"{name} {value} is not simulated; use {' or '.join(values)}"
    return None


def reject_other_members(request: Record, simulated_members: set[str], location: str) -> None:
    """Raise ServiceError if a request has a member other than these with a value other than false."""
    reject_members(request, [name for name in request if name not in simulated_members], location)
