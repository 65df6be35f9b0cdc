"""Models: what a transform job serves."""

from recore.simulator.api.errors import ServiceError
from recore.simulator.resources.resource import Resource
from recore.simulator.state.records import Record


class Models(Resource):
    kind = "Model"
    arn_type = "model"
    verbs = ("Describe", "List", "Delete")
    newest_first = True

    def CreateModel(self, request: Record) -> Record:
        if ("PrimaryContainer" in request) == ("Containers" in request):
            raise ServiceError("ValidationException", "A model has either a PrimaryContainer or Containers")
        return {"ModelArn": self.add(request)}
