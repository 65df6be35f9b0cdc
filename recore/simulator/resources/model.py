"""Models: what a transform job serves."""

from recore.simulator.errors import ServiceError
from recore.simulator.resources.resource import Resource
from recore.simulator.store import Record


class Models(Resource):
    kind = "Model"
    arn_type = "model"
    newest_first = True

    def CreateModel(self, request: Record) -> Record:
        if ("PrimaryContainer" in request) == ("Containers" in request):
            raise ServiceError("ValidationException", "A model has either a PrimaryContainer or Containers")
        return {"ModelArn": self.add(request)}

    def DescribeModel(self, request: Record) -> Record:
        return self.find("DescribeModel", request)

    def ListModels(self, request: Record) -> Record:
        return self.page(request, "Models")

    def DeleteModel(self, request: Record) -> Record:
        model = self.find("DeleteModel", request)
        self.store.delete("Tags", model["ModelArn"])  # first: none may be left for a later model of this name
        self.store.delete("Model", model["ModelName"])
        return {}
