"""Tags of any resource, by its ARN."""

from recore.simulator.errors import ServiceError
from recore.simulator.resources.resource import Resource
from recore.simulator.store import Record

ARN_TYPES = {
    "training-job": "TrainingJob",
    "processing-job": "ProcessingJob",
    "transform-job": "TransformJob",
    "model": "Model",
}


class Tags(Resource):
    kind = "Tags"
    arn_type = "tags"

    def AddTags(self, request: Record) -> Record:
        new = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
        tags = self._tags(request) | new
        if len(tags) > 50:
            raise ServiceError("ValidationException", "A resource can have 50 tags")
        if not self.store.add("Tags", request["ResourceArn"], tags):
            self.store.update("Tags", request["ResourceArn"], **new)
        return {"Tags": _as_list(tags)}

    def ListTags(self, request: Record) -> Record:
        return {"Tags": _as_list(self._tags(request))}

    def DeleteTags(self, request: Record) -> Record:
        left = {key: value for key, value in self._tags(request).items() if key not in request["TagKeys"]}
        self.store.delete("Tags", request["ResourceArn"])
        self.store.add("Tags", request["ResourceArn"], left)
        return {}

    def _tags(self, request: Record) -> Record:
        arn = request["ResourceArn"]
        _, _, resource = arn.rpartition(":")
        arn_type, _, name = resource.partition("/")
        if self.store.get(ARN_TYPES.get(arn_type, ""), name) is None:
            raise ServiceError("ValidationException", f"Requested resource not found. Could not find '{arn}'")
        return self.store.get("Tags", arn) or {}


def _as_list(tags: Record) -> list[Record]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
