"""Search: the resources of one kind that satisfy an expression, in any order."""

from collections.abc import Sequence
from typing import Any

from botocore.model import Shape

from recore.simulator.compute.platform import Platform
from recore.simulator.protocol.errors import ValidationException
from recore.simulator.protocol.service_model import operation_model
from recore.simulator.resources.paging import page, sortable
from recore.simulator.resources.resource import Resource
from recore.simulator.resources.search_expression import make_test
from recore.simulator.resources.search_property import Property, find_property
from recore.simulator.state.records import Record

EMPTY = ("ModelCard",)  # version 2 of the SDK asks whether a model has one; nothing here makes any


class Searches(Resource):
    """A result has the resource as Describe answers it, with its tags."""

    kind = "Search"
    arn_type = "search-result"

    def __init__(self, platform: Platform, searched: Sequence[Resource]):
        super().__init__(platform)
        self._searched = {resource.kind: resource for resource in searched if _shape(resource.kind)}

    def Search(self, request: Record) -> Record:
        kind = request["Resource"]
        shape = _shape(kind)
        if shape is None or kind not in (*self._searched, *EMPTY):
            raise ValidationException(f"Search: Resource {kind} is not simulated")
        if "VisibilityConditions" in request:
            raise ValidationException("Search: VisibilityConditions are not simulated")
        found = self._records(kind) if request.get("CrossAccountFilterOption") != "CrossAccount" else []
        if "SearchExpression" in request:
            test = make_test(shape, request["SearchExpression"])
            found = [record for record in found if test(record)]
        default = "LastModifiedTime" if "LastModifiedTime" in shape.members else "CreationTime"
        by = find_property(shape, request.get("SortBy", default))
        if by.type == "structure":
            raise ValidationException(f"Search: {kind} cannot be sorted by {by.name[:80]}")
        placed = [((_sort_text(by, record), record[f"{kind}Arn"]), {kind: record}) for record in found]
        answer = page(request, "Results", placed, request.get("SortOrder", "Descending") == "Descending")
        return answer | {"TotalHits": {"Value": len(found), "Relation": "EqualTo"}}

    def _records(self, kind: str) -> list[Record]:
        if kind in EMPTY:
            return []
        records = map(self._searched[kind].described, self.store.all(kind))
        return [record | (self.store.get("Tags", record[f"{kind}Arn"]) or {}) for record in records]


def _shape(kind: str) -> Shape | None:
    """The shape of a resource in a search result; None where results do not hold such resources themselves."""
    output: Any = operation_model("Search").output_shape
    shape = output.members["Results"].member.members.get(kind)
    return shape if shape and f"{kind}Arn" in shape.members else None


def _sort_text(by: Property, record: Record) -> str:
    """Where a resource stands; one that does not have the property comes first in ascending order."""
    return next(map(sortable, by.read(record)), "")
