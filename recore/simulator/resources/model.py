"""Models: containers that a transform job serves, one or a chain of them."""

from recore.simulator.compute.servers.container_server import model_data
from recore.simulator.protocol.errors import ServiceError
from recore.simulator.resources.package_containers import containers_of
from recore.simulator.resources.resource import Resource, refuse_others
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
CONTAINER = {
    "ContainerHostname",
    "Image",
    "Mode",
    "ModelDataUrl",
    "ModelDataSource",
    "ModelPackageName",
    "InferenceSpecificationName",
    "Environment",
}
MOST_CONTAINERS = 15


class Models(Resource):
    kind = "Model"
    arn_type = "model"
    verbs = ("Describe", "List", "Delete")
    newest_first = True

    def CreateModel(self, request: Record) -> Record:
        refuse_others(request, MODEL, "CreateModel")
        if bool(request.get("Containers")) == ("PrimaryContainer" in request):
            raise ServiceError("ValidationException", "A model has either a PrimaryContainer or Containers")
        if request.get("InferenceExecutionConfig", {}).get("Mode") == "Direct":
            message = "InferenceExecutionConfig: Mode Direct is not simulated: containers run here in series"
            raise ServiceError("ValidationException", message)
        requested = request.get("Containers") or [request["PrimaryContainer"]]
        for container in requested:
            refuse_others(container, CONTAINER, "A container")
        with self.store.transaction():  # a model package may change meanwhile; the model goes on without it
            served = [container for member in requested for container in containers_of(self.store, member)]
            alone = "PrimaryContainer" in request and len(served) == 1
            if not alone:
                _check_pipeline(served)
            for container in served:
                if problem := _problem(container):
                    raise ServiceError("ValidationException", problem)
            if served == requested:
                return {"ModelArn": self.add(request)}
            members = {"PrimaryContainer": served[0]} if alone else {"Containers": served}
            return {"ModelArn": self.add(request, None, {"Served": members})}


def _check_pipeline(containers: list[Record]) -> None:
    """Raise ServiceError where containers cannot be one inference pipeline."""
    if len(containers) > MOST_CONTAINERS:
        message = f"Containers: a model has at most {MOST_CONTAINERS}, not {len(containers)}"
        raise ServiceError("ValidationException", message)
    hostnames = [container["ContainerHostname"] for container in containers if "ContainerHostname" in container]
    if hostnames and len(hostnames) < len(containers):
        message = "Containers: either each container has a ContainerHostname, or none has"
        raise ServiceError("ValidationException", message)
    if twice := {name for name in hostnames if hostnames.count(name) > 1}:
        message = f"Containers: two containers have the ContainerHostname '{min(twice)}'"
        raise ServiceError("ValidationException", message)


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
