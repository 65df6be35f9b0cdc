"""Tags of any resource, by its ARN."""

import threading

from recore.simulator.errors import ServiceError
from recore.simulator.resources.resource import Resource, merged_tags
from recore.simulator.store import Record

KINDS = {
    "training-job": "TrainingJob",
    "processing-job": "ProcessingJob",
    "transform-job": "TransformJob",
    "model": "Model",
}


class Tags(Resource):
    """A record of tags has one member, Tags, in the API's own form: any word can be a key."""

    kind = "Tags"
    arn_type = "tags"
    _changing = threading.Lock()  # tags are read, merged and written

    def AddTags(self, request: Record) -> Record:
        with self._changing:
            tags = merged_tags(self._tags(request), request["Tags"])
            self._keep(request["ResourceArn"], tags)
        return {"Tags": tags}

    def ListTags(self, request: Record) -> Record:
        if "NextToken" in request:  # all tags of a resource are one page
            raise ServiceError("ValidationException", "Invalid NextToken")
        return {"Tags": self._tags(request)}

    def DeleteTags(self, request: Record) -> Record:
        with self._changing:
            left = [tag for tag in self._tags(request) if tag["Key"] not in request["TagKeys"]]
            self._keep(request["ResourceArn"], left)
        return {}

    def _keep(self, arn: str, tags: list[Record]) -> None:
        if not self.store.add("Tags", arn, {"Tags": tags}):
            self.store.update("Tags", arn, Tags=tags)

    def _tags(self, request: Record) -> list[Record]:
        """The tags of the resource that a request names. Raises where there is no such resource."""
        arn = request["ResourceArn"]
        arn_type, _, name = arn.rpartition(":")[2].partition("/")
        kind = KINDS.get(arn_type, "")
        record = self.store.get(kind, name)
        if record is None or record[f"{kind}Arn"] != arn:
            raise ServiceError("ValidationException", f"Requested resource not found. Could not find '{arn}'")
        return list((self.store.get("Tags", arn) or {"Tags": []})["Tags"])
