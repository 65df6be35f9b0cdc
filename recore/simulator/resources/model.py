"""Models: containers that a transform job serves, one or a chain of them."""

from recore.simulator.api.errors import ServiceError
from recore.simulator.resources.resource import Resource, refuse_others
from recore.simulator.serving.model_data import model_data
from recore.simulator.state.records import Record

# members that are simulated, or make no difference here; a request that has another one is refused
MODEL = {
    "ModelName",
    "PrimaryContainer",
    "Containers",
    "InferenceExecutionConfig",
    "ExecutionRoleArn",
    "Tags",
    "VpcConfig",
    "EnableNetworkIsolation",
}
CONTAINER = {"ContainerHostname", "Image", "Mode", "ModelDataUrl", "ModelDataSource", "Environment"}


class Models(Resource):
    kind = "Model"
    arn_type = "model"
    verbs = ("Describe", "List", "Delete")
    newest_first = True

    def CreateModel(self, request: Record) -> Record:
        refuse_others(request, MODEL, "CreateModel")
        containers = request.get("Containers", [])
        if bool(containers) == ("PrimaryContainer" in request):
            raise ServiceError("ValidationException", "A model has either a PrimaryContainer or Containers")
        if request.get("InferenceExecutionConfig", {}).get("Mode") == "Direct":
            message = "InferenceExecutionConfig: Mode Direct is not simulated: containers run here in series"
            raise ServiceError("ValidationException", message)
        hostnames = [container["ContainerHostname"] for container in containers if "ContainerHostname" in container]
        if hostnames and len(hostnames) < len(containers):
            message = "Containers: either each container has a ContainerHostname, or none has"
            raise ServiceError("ValidationException", message)
        if twice := {name for name in hostnames if hostnames.count(name) > 1}:
            message = f"Containers: two containers have the ContainerHostname '{min(twice)}'"
            raise ServiceError("ValidationException", message)
        for container in containers or [request["PrimaryContainer"]]:
            refuse_others(container, CONTAINER, "A container")
            if problem := _problem(container):
                raise ServiceError("ValidationException", problem)
        return {"ModelArn": self.add(request)}


def _problem(container: Record) -> str | None:
    """Why a container cannot be served here; None if it can."""
    if container.get("Mode", "SingleModel") != "SingleModel":
        return "Mode MultiModel is not simulated: a container serves one model here"
    if "Image" not in container:
        return "A container must have an Image"
    try:
        model_data(container)
    except ValueError as error:
        return str(error)
    return None
