"""Models: the container, or chain of containers, that transform jobs and endpoints run."""

from stagemaker.compute.servers.container_server import model_data
from stagemaker.compute.servers.multi_model import is_multi_model
from stagemaker.protocol import error_messages
from stagemaker.protocol.errors import ValidationException
from stagemaker.resources.model_package import SHARED_MEMBERS, ModelPackages
from stagemaker.resources.resource import Resource, find_repeated, reject_members
from stagemaker.resources.s3_data import check_model_data
from stagemaker.state.records import Record, Store

# members of a container that are not simulated
UNSIMULATED_MEMBERS = ("AdditionalModelDataSources", "ContainerMetricsConfig", "ImageConfig")
# members of a container in a model package that are not simulated
UNSIMULATED_PACKAGED_MEMBERS = ("AdditionalModelDataSources", "AdditionalS3DataSource", "ProductId")
# members that a container with a ModelPackageName can have; all others come from the package
MEMBERS_WITH_PACKAGE = {"ModelPackageName", "InferenceSpecificationName", "Environment", "ContainerHostname", "Mode"}
MAX_CONTAINERS = 15


class Models(Resource):
    kind = "Model"
    arn_type = "model"
    missing_message = error_messages.RESOURCE_MISSING
    verbs = ("Describe", "List", "Delete")
    newest_first = True

    def CreateModel(self, request: Record) -> Record:
        if bool(request.get("Containers")) == ("PrimaryContainer" in request):
            raise ValidationException("A model must have either a PrimaryContainer or Containers")
        if request.get("InferenceExecutionConfig", {}).get("Mode") == "Direct":
            message = "InferenceExecutionConfig: Mode Direct is not simulated; containers always run in series"
            raise ValidationException(message)
        requested_containers = request.get("Containers") or [request["PrimaryContainer"]]
        for container in requested_containers:
            reject_members(container, UNSIMULATED_MEMBERS, "Container")
            if "ModelPackageName" not in container:  # the data of a package may have been deleted since
                _check_container(container)
                # not in the transaction: it may wait for a thread that restores S3, which waits to change the database
                if container.get("Mode") != "MultiModel":  # models can be added later
                    check_model_data(self.platform, container)
        with self.store.transaction():  # the package must not change during this; later changes do not affect the model
            containers = [each for item in requested_containers for each in _resolve_containers(self.store, item)]
            is_single = "PrimaryContainer" in request and len(containers) == 1
            if not is_single:
                _check_pipeline(containers)
                if len(containers) > 1 and is_multi_model({"Containers": containers}):
                    raise ValidationException("Mode MultiModel is simulated only for a model's single container")
            for container in containers:
                _check_container(container)
            members = {"PrimaryContainer": containers[0]} if is_single else {"Containers": containers}
            internal = {} if containers == requested_containers else {"Served": members}
            return {"ModelArn": self.add(request, None, internal)}


def _check_pipeline(containers: list[Record]) -> None:
    if len(containers) > MAX_CONTAINERS:
        message = f"a model can have at most {MAX_CONTAINERS} containers, not {len(containers)}"
        raise ValidationException(f"Containers: {message}")
    hostnames = [container["ContainerHostname"] for container in containers if "ContainerHostname" in container]
    if hostnames and len(hostnames) < len(containers):
        raise ValidationException("Containers: either all containers or none must have a ContainerHostname")
    if repeated_names := find_repeated(hostnames):
        raise ValidationException(f"Containers: two containers have the ContainerHostname '{repeated_names[0]}'")


def _check_container(container: Record) -> None:
    if "Image" not in container:
        raise ValidationException("A container must have an Image")
    if container.get("MultiModelConfig", {}).get("ModelCacheSetting") == "Disabled":
        raise ValidationException("MultiModelConfig: ModelCacheSetting Disabled is not simulated; models stay loaded")
    if container.get("Mode") == "MultiModel" and "ModelDataUrl" not in container:
        raise ValidationException("Mode MultiModel requires a ModelDataUrl, the prefix of the models")
    try:
        model_data(container)
    except ValueError as error:
        raise ValidationException(str(error)) from None


def _resolve_containers(store: Store, container: Record) -> list[Record]:
    """Return the container or, if it names a model package, the package's containers, merged with the container."""
    if "ModelPackageName" not in container:
        if "InferenceSpecificationName" in container:
            raise ValidationException("InferenceSpecificationName requires a ModelPackageName")
        return [container]
    if other_members := sorted(container.keys() - MEMBERS_WITH_PACKAGE):
        message = f"A container with a ModelPackageName cannot have {other_members[0]}; the model package contains it"
        raise ValidationException(message)
    package = _find_approved_package(store, container["ModelPackageName"])
    packaged_containers = _find_specification(package, container.get("InferenceSpecificationName"))["Containers"]
    if "ContainerHostname" in container and len(packaged_containers) > 1:
        message = f"the model package '{package['ModelPackageArn']}' has several containers"
        raise ValidationException(f"ContainerHostname cannot be used: {message}")
    return [_merge_container(container, member) for member in packaged_containers]


def _find_approved_package(store: Store, name: str) -> Record:
    key = ModelPackages.key({"ModelPackageName": name})
    package = store.get(ModelPackages.kind, key)
    if package is None:
        raise ValidationException(ModelPackages.message(ModelPackages.missing_message, key))
    status = package.get("ModelApprovalStatus", "Approved")  # packages without a group have no status
    if status != "Approved":
        message = f"Cannot create a model from the model package '{package['ModelPackageArn']}' in status {status}"
        raise ValidationException(f"{message}: its ModelApprovalStatus must be Approved")
    return package


def _find_specification(package: Record, name: str | None) -> Record:
    specifications: dict[str | None, Record | None] = {None: package.get("InferenceSpecification")}
    specifications |= {item["Name"]: item for item in package.get("AdditionalInferenceSpecifications", [])}
    if (specification := specifications.get(name)) is None:
        description = "InferenceSpecification" if name is None else f"additional inference specification '{name}'"
        raise ValidationException(f"The model package '{package['ModelPackageArn']}' has no {description}")
    return specification


def _merge_container(container: Record, packaged_container: Record) -> Record:
    reject_members(packaged_container, UNSIMULATED_PACKAGED_MEMBERS, "Container of a model package")
    merged = {member: packaged_container[member] for member in SHARED_MEMBERS if member in packaged_container}
    merged |= {member: container[member] for member in ("ContainerHostname", "Mode") if member in container}
    return merged | {"Environment": packaged_container.get("Environment", {}) | container.get("Environment", {})}
