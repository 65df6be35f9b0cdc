"""Tags of resources of all kinds, by ARN."""

from collections.abc import Callable, Sequence

from stagemaker.compute.platform import Platform
from stagemaker.protocol.errors import ValidationException
from stagemaker.resources.resource import RESOURCE_MISSING, Resource, merge_tags
from stagemaker.state.records import Record


class Tags(Resource):
    """The tags, by ARN. A record has one member, Tags: a list of Key/Value pairs."""

    kind = "Tags"
    arn_type = "tag"

    def __init__(self, platform: Platform, resources: Sequence[Resource]):
        super().__init__(platform)
        self._resources = resources

    def AddTags(self, request: Record) -> Record:
        return self._change(request, lambda tags: merge_tags(tags, request["Tags"]))

    def ListTags(self, request: Record) -> Record:
        if "NextToken" in request:  # a list of tags has only one page
            raise ValidationException("Invalid NextToken")
        return {"Tags": self._find_tags(request)}

    def DeleteTags(self, request: Record) -> Record:
        return self._change(request, lambda tags: [tag for tag in tags if tag["Key"] not in request["TagKeys"]])

    def _change(self, request: Record, change: Callable[[list[Record]], list[Record]]) -> Record:
        with self.store.transaction():  # so that the resource is not deleted before the change
            tags = change(self._find_tags(request))
            return self.store.change("Tags", request["ResourceArn"], lambda _: {"Tags": tags}, {"Tags": []})

    def _find_tags(self, request: Record) -> list[Record]:
        arn = request["ResourceArn"]
        if not any(resource.has(arn) for resource in self._resources):
            raise ValidationException(RESOURCE_MISSING.format(title="resource", arn=arn))
        return list((self.store.get("Tags", arn) or {"Tags": []})["Tags"])
