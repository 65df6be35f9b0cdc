"""Models: the containers that transform jobs and endpoints serve, one or a chain of them."""

from recore.simulator.compute.servers.container_server import model_data
from recore.simulator.protocol.errors import ValidationException
from recore.simulator.resources.model_package import PACKAGED, ModelPackages
from recore.simulator.resources.resource import Resource, refuse
from recore.simulator.state.records import Record, Store

# members of a container that are not simulated
CONTAINER = ("AdditionalModelDataSources", "ContainerMetricsConfig", "ImageConfig", "MultiModelConfig")
# members of a container in a model package that are not simulated
PACKAGED_CONTAINER = ("AdditionalModelDataSources", "AdditionalS3DataSource", "ProductId")
# members that a container with a ModelPackageName can have; all others come from the package
BESIDE = {"ModelPackageName", "InferenceSpecificationName", "Environment", "ContainerHostname", "Mode"}
MOST_CONTAINERS = 15


class Models(Resource):
    kind = "Model"
    arn_type = "model"
    verbs = ("Describe", "List", "Delete")
    newest_first = True

    def CreateModel(self, request: Record) -> Record:
        if bool(request.get("Containers")) == ("PrimaryContainer" in request):
            raise ValidationException("A model must have either a PrimaryContainer or Containers")
        if request.get("InferenceExecutionConfig", {}).get("Mode") == "Direct":
            message = "InferenceExecutionConfig: Mode Direct is not simulated: containers run here in series"
            raise ValidationException(message)
        requested = request.get("Containers") or [request["PrimaryContainer"]]
        for container in requested:
            refuse(container, CONTAINER, "A container")
        with self.store.transaction():  # keeps the package unchanged; later changes do not affect the model
            served = [container for member in requested for container in _containers(self.store, member)]
            is_single = "PrimaryContainer" in request and len(served) == 1
            if not is_single:
                _check_pipeline(served)
            for container in served:
                _check_container(container)
            members = {"PrimaryContainer": served[0]} if is_single else {"Containers": served}
            return {"ModelArn": self.add(request, None, {} if served == requested else {"Served": members})}


def _check_pipeline(containers: list[Record]) -> None:
    """Raise ServiceError if containers cannot form an inference pipeline."""
    if len(containers) > MOST_CONTAINERS:
        raise ValidationException(f"Containers: a model can have at most {MOST_CONTAINERS}, not {len(containers)}")
    hostnames = [container["ContainerHostname"] for container in containers if "ContainerHostname" in container]
    if hostnames and len(hostnames) < len(containers):
        raise ValidationException("Containers: either all containers or none must have a ContainerHostname")
    if repeated := {name for name in hostnames if hostnames.count(name) > 1}:
        raise ValidationException(f"Containers: two containers have the ContainerHostname '{min(repeated)}'")


def _check_container(container: Record) -> None:
    """Raise ServiceError if a container cannot be served here."""
    if container.get("Mode", "SingleModel") != "SingleModel":
        raise ValidationException("Mode MultiModel is not simulated: a container serves one model here")
    if "Image" not in container:
        raise ValidationException("A container must have an Image")
    try:
        model_data(container)
    except ValueError as error:
        raise ValidationException(str(error)) from None


def _containers(store: Store, container: Record) -> list[Record]:
    """Return the containers to serve for a request's container: those of its model package, or itself if it has none.

    Variables of the container's Environment replace those of the package's containers.
    Raises ServiceError if the package does not exist, is not approved, or cannot be served here.
    """
    if "ModelPackageName" not in container:
        if "InferenceSpecificationName" in container:
            raise ValidationException("InferenceSpecificationName needs a ModelPackageName")
        return [container]
    if others := sorted(container.keys() - BESIDE):
        message = f"A container with a ModelPackageName cannot have {others[0]}: the model package has it"
        raise ValidationException(message)
    package = _approved_package(store, container["ModelPackageName"])
    packaged = _specification(package, container.get("InferenceSpecificationName"))["Containers"]
    if "ContainerHostname" in container and len(packaged) > 1:
        message = f"ContainerHostname: the model package '{package['ModelPackageArn']}' has several containers"
        raise ValidationException(message)
    return [_merged(container, member) for member in packaged]


def _approved_package(store: Store, name: str) -> Record:
    """Return the model package with a name or ARN. Raises ServiceError if it does not exist or is not approved."""
    key = ModelPackages.key({"ModelPackageName": name})
    package = store.get(ModelPackages.kind, key)
    if package is None:
        raise ValidationException(ModelPackages.not_found_message(key))
    status = package.get("ModelApprovalStatus", "Approved")  # packages without a group have no status
    if status != "Approved":
        message = f"Cannot create a model from the model package '{package['ModelPackageArn']}' in status {status}"
        raise ValidationException(f"{message}: its ModelApprovalStatus must be Approved")
    return package


def _specification(package: Record, name: str | None) -> Record:
    """Return a package's inference specification, or the additional one with this name. Raises ServiceError."""
    additional = {item["Name"]: item for item in package.get("AdditionalInferenceSpecifications", [])}
    specification: Record | None = package.get("InferenceSpecification") if name is None else additional.get(name)
    if specification is None:
        missing = "InferenceSpecification" if name is None else f"additional inference specification '{name}'"
        raise ValidationException(f"The model package '{package['ModelPackageArn']}' has no {missing}")
    return specification


def _merged(container: Record, packaged: Record) -> Record:
    """Return a package's container, with the members of the request's container that replace its own."""
    refuse(packaged, PACKAGED_CONTAINER, "A container of a model package")
    merged = {member: packaged[member] for member in PACKAGED if member in packaged}
    merged |= {member: container[member] for member in ("ContainerHostname", "Mode") if member in container}
    return merged | {"Environment": packaged.get("Environment", {}) | container.get("Environment", {})}
