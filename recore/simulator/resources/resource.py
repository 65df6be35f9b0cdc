"""What every kind of resource has: records by key, an ARN, and the operations that are alike for all kinds.

A kind of resource is one file with a subclass of Resource, and one line in the registry. Its methods bear the names of
the API's operations: the server finds them by these names, checks the request against the service model before the
call, and shapes the answer by it after. Operations that only look up, list, stop or delete records are declared.
"""

import operator
from collections.abc import Callable
from typing import Any, ClassVar

from botocore.model import Shape

from recore.simulator.compute.platform import Platform
from recore.simulator.orchestration.runner import Work, begin
from recore.simulator.protocol.account import arn
from recore.simulator.protocol.errors import ServiceError, ValidationException
from recore.simulator.protocol.service_model import operation_model, sagemaker_model
from recore.simulator.resources.paging import Place, page, sortable
from recore.simulator.state.records import Record, StoredRecord, now

MOST_TAGS = 50


Filter = tuple[str, Callable[[Any, Any], bool]]  # a member of the record, compared with the request's value
PAGING = {"MaxResults", "NextToken", "SortBy", "SortOrder"}


class Resource:
    """Records of one kind. The API's members are named after it: `kind` + Name, Arn, Status.

    arn_type: what stands in the ARN before a record's key. verbs: of Describe, List, Stop and Delete, those that are
    answered in the common way. filters: members of List's request, besides the common ones; orders: values of its
    SortBy, each with the record's member. newest_first: how List sorts by default. runs: whether a resource does
    something here, or is only recorded. work: of a kind whose resources wait for others in the background. running:
    statuses of one that has not ended. title: what the kind is called, if it is not the arn_type.
    """

    kind: ClassVar[str]
    arn_type: ClassVar[str]
    title: ClassVar[str] = ""
    verbs: ClassVar[tuple[str, ...]] = ()
    filters: ClassVar[dict[str, Filter]] = {}
    orders: ClassVar[dict[str, str]] = {}
    newest_first: ClassVar[bool] = False
    runs: ClassVar[bool] = False
    work: ClassVar[type[Work] | None] = None
    running: ClassVar[tuple[str, ...]] = ("InProgress", "Stopping")

    def __init__(self, platform: Platform):
        self.platform, self.store = platform, platform.store

    def resume(self) -> None:
        """Continue what an earlier simulator left in the records. Called once, before any request is answered."""
        if self.work:
            for key, record in self.store.items(self.kind):
                if record[f"{self.kind}Status"] in self.running:
                    self.begin_work(key)

    def begin_work(self, key: str) -> None:
        """Begin the work of a resource of a kind that waits for others, which goes on after a restart."""
        if self.work:
            begin(self.platform, self.kind, key, self.work)

    @classmethod
    def operations(cls) -> list[str]:
        """The operations that this kind answers."""
        own = [name for name in dir(cls) if name in sagemaker_model().operation_names]
        return own + [name for name in map(cls.operation, cls.verbs) if name not in own]

    @classmethod
    def operation(cls, verb: str) -> str:
        return f"{verb}{cls.kind}s" if verb == "List" else f"{verb}{cls.kind}"

    def answer(self, operation: str, request: Record) -> Any:
        """Carry out one of the operations."""
        if hasattr(self, operation):
            return getattr(self, operation)(request)
        [verb] = [verb for verb in self.verbs if self.operation(verb) == operation]
        common = {"Describe": self._describe, "List": self.page, "Stop": self.stop, "Delete": self.delete}
        return common[verb](operation, request)

    def arn(self, key: str) -> str:
        return arn(f"{self.arn_type}/{key}")

    def key(self, request: Record) -> str:
        """The key of the record that a request names, by its name or its ARN: what follows the type in the ARN."""
        named: str = request.get(f"{self.kind}Name") or request[f"{self.kind}Arn"]
        return named.removeprefix(self.arn(""))

    def check_image(self, image: str) -> None:
        """Raise ServiceError for an image that nothing here stands in for."""
        if problem := self.platform.isolation.refusal(image):
            raise ValidationException(problem)

    def has(self, arn: str) -> bool:
        """Whether there is a record of this ARN."""
        return arn.startswith(self.arn("")) and self.store.get(self.kind, arn.removeprefix(self.arn(""))) is not None

    def add(
        self, request: Record, new_key: str | None = None, internal: Record | None = None, /, **members: Any
    ) -> str:
        """Store a record with the members of a Create request and others, and return its ARN.

        new_key: the record's key if the request does not name it. internal: members that no answer has.
        Raises ServiceError if the key is taken.
        """
        key, time = new_key or self.key(request), now()
        record = {key: value for key, value in request.items() if key != "Tags"}
        record |= {f"{self.kind}Arn": self.arn(key), "CreationTime": time, "LastModifiedTime": time} | members
        tags = merged_tags([], request.get("Tags", []))
        with self.store.transaction():
            if not self.store.add(self.kind, key, record, internal):
                raise self.already_exists(key)
            if tags:
                self.store.add("Tags", self.arn(key), {"Tags": tags})
        return self.arn(key)

    def find(self, operation: str, request: Record) -> StoredRecord:
        """Return the record that a request names. Raises ServiceError if it does not exist."""
        key = self.key(request)
        record = self.store.get(self.kind, key)
        if record is None:
            named = key if key.startswith("arn:") else self.arn(key)
            message = not_found(self.arn_type.replace("-", " "), named)
            raise self.error(operation, "ResourceNotFound", message)
        return record

    def described(self, record: Record) -> Record:
        """A record as Describe and Search answer it."""
        return record

    def _describe(self, operation: str, request: Record) -> Record:
        return self.described(self.find(operation, request))

    def stop(self, operation: str, request: Record) -> Record:
        """Let what a request names be Stopping, which its work sees. Raises ServiceError where it does not run."""
        with self.store.transaction():  # it may end by itself at this moment
            status = self.find(operation, request)[f"{self.kind}Status"]
            if status not in self.running:
                words = self.title or self.arn_type.replace("-", " ")
                raise ValidationException(f"The {words} is in status {status} and cannot be stopped")
            members = {f"{self.kind}Status": "Stopping", "LastModifiedTime": now()}
            self.store.update(self.kind, self.key(request), **members)
        return {}

    def delete(self, operation: str, request: Record) -> Record:
        """Delete the record that a request names, with its tags. Raises ServiceError if it does not exist."""
        with self.store.transaction():  # no tag may be left for a later one of this name
            record = self.find(operation, request)
            self.store.delete("Tags", record[f"{self.kind}Arn"])
            self.store.delete(self.kind, self.key(request))
        return {}

    def already_exists(self, key: str) -> ServiceError:
        """The error of a Create request whose key an existing record has."""
        words = self.arn_type.replace("-", " ")
        message = f"Cannot create already existing {words} '{self.arn(key)}': a {words} of this name already exists"
        return self.error(f"Create{self.kind}", "ResourceInUse", message)

    def error(self, operation: str, code: str, message: str) -> ServiceError:
        """An error of that code where the API's model of the operation has it, or else a ValidationException."""
        modelled = {shape.name for shape in operation_model(operation).error_shapes}
        return ServiceError(code if code in modelled else "ValidationException", message)

    def page(self, operation: str, request: Record) -> Record:
        """A List answer: records filtered, sorted and in pages as the request asks.

        Raises where the request has a filter or an order that this kind does not have.
        """
        [member] = [name for name, shape in _answered(operation).items() if shape.type_name == "list"]
        chosen = self._chosen(operation, request)
        orders = {"Name": f"{self.kind}Name", "Status": f"{self.kind}Status", "CreationTime": "CreationTime"}
        by = (orders | self.orders).get(request.get("SortBy", "CreationTime"))
        if by is None:
            raise ValidationException(f"{operation} does not sort by {request['SortBy']} here")
        descending = request.get("SortOrder", "Descending" if self.newest_first else "Ascending") == "Descending"
        return page(request, member, [(self.place(record, by), record) for record in chosen], descending)

    def listed_value(self, record: Record, member: str) -> Any:
        """Return the value by which lists filter and sort a record; None if it has none."""
        return record.get(member)

    def place(self, record: Record, by: str) -> Place:
        """Return the place of a record in a list that is sorted by one of its members."""
        value = self.listed_value(record, by)
        return sortable("" if value is None else value), record[f"{self.kind}Arn"]

    def _chosen(self, operation: str, request: Record) -> list[Record]:
        """The records that all filters of a request let through."""
        filters: dict[str, Filter] = {"NameContains": (f"{self.kind}Name", contains_text)}
        filters["StatusEquals"] = f"{self.kind}Status", operator.eq
        for time in ("CreationTime", "LastModifiedTime"):
            filters |= {f"{time}After": (time, operator.gt), f"{time}Before": (time, operator.lt)}
        filters |= self.filters
        if unknown := sorted(request.keys() - filters.keys() - PAGING):
            raise ValidationException(f"{operation} does not filter by {', '.join(unknown)} here")
        wanted = [(*filters[name], value) for name, value in request.items() if name not in PAGING]
        return [
            record
            for record in self.store.all(self.kind)
            if all(self._passes(record, *filter_and_value) for filter_and_value in wanted)
        ]

    def _passes(self, record: Record, member: str, test: Callable[[Any, Any], bool], wanted: Any) -> bool:
        value = self.listed_value(record, member)
        return value is not None and test(value, wanted)


def _answered(operation: str) -> dict[str, Shape]:
    """The members of an operation's answer."""
    shape = operation_model(operation).output_shape
    return dict(shape.members) if shape else {}


def not_found(words: str, arn: str) -> str:
    """The message where nothing has an ARN. Programs look for one of its three parts, which differ between AWS's kinds.

    words: what the kind is called.
    """
    return f"Could not find {words} '{arn}', which does not exist (Requested resource not found)"


def contains_text(name: str, part: str) -> bool:
    """Whether a name has a part, in whatever case: NameContains."""
    return part.lower() in name.lower()


def merged_tags(tags: list[Record], new: list[Record]) -> list[Record]:
    """Tags with new ones, which replace those of the same key. Raises ServiceError if a resource cannot have them."""
    merged = {tag["Key"]: tag for tag in [*tags, *new]}
    if len(merged) > MOST_TAGS:
        raise ValidationException(f"A resource can have {MOST_TAGS} tags")
    if any(tag["Key"].lower().startswith("aws:") for tag in new):
        raise ValidationException("aws: is a prefix of tag keys that is reserved")
    return list(merged.values())


def refuse_others(request: Record, simulated: set[str], place: str) -> None:
    """Raise ServiceError where a request has a member that is not simulated, unless its value is false."""
    for name, value in request.items():
        if name not in simulated and value is not False:
            raise ValidationException(f"{place}: {name} is not simulated")
