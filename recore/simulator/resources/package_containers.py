"""The containers of a model that is created from a model package."""

from recore.simulator.protocol.account import arn
from recore.simulator.protocol.errors import ValidationException
from recore.simulator.resources.resource import not_found
from recore.simulator.state.records import Record, Store

# members of a container that can stand beside ModelPackageName; all others are those of the package
BESIDE = {"ModelPackageName", "InferenceSpecificationName", "Environment", "ContainerHostname", "Mode"}
SERVED = ("ContainerHostname", "Image", "ModelDataUrl", "ModelDataSource", "Environment")
# members of a package's container without which it would serve something else
NOT_SIMULATED = ("AdditionalModelDataSources", "AdditionalS3DataSource", "ProductId")


def containers_of(store: Store, container: Record) -> list[Record]:
    """The containers that one of CreateModel's stands for: those of its model package, or itself where it has none.

    Variables of the container's Environment replace those of the package's containers.
    Raises ServiceError where there is no such package, it is not approved, or it cannot be served here.
    """
    if "ModelPackageName" not in container:
        if "InferenceSpecificationName" in container:
            raise ValidationException("InferenceSpecificationName needs a ModelPackageName")
        return [container]
    if others := sorted(container.keys() - BESIDE):
        message = f"A container with a ModelPackageName cannot have {others[0]}: the model package has it"
        raise ValidationException(message)
    package = _deployable(store, container["ModelPackageName"])
    packaged = _specification(package, container.get("InferenceSpecificationName"))["Containers"]
    if "ContainerHostname" in container and len(packaged) > 1:
        message = f"ContainerHostname: the model package '{package['ModelPackageArn']}' has several containers"
        raise ValidationException(message)
    return [_merged(container, member) for member in packaged]


def _deployable(store: Store, name: str) -> Record:
    """The model package of a name or ARN. Raises ServiceError if it does not exist or is not approved."""
    key = name.removeprefix(arn("model-package/"))
    package = store.get("ModelPackage", key)
    if package is None:
        named = key if key.startswith("arn:") else arn(f"model-package/{key}")
        raise ValidationException(not_found("model package", named))
    status = package.get("ModelApprovalStatus", "Approved")  # packages without a group have none
    if status != "Approved":
        message = f"Cannot create a model from the model package '{package['ModelPackageArn']}' in status {status}"
        raise ValidationException(f"{message}: its ModelApprovalStatus must be Approved")
    return package


def _specification(package: Record, name: str | None) -> Record:
    """A package's inference specification, or the additional one of that name. Raises ServiceError without one."""
    additional = {item["Name"]: item for item in package.get("AdditionalInferenceSpecifications", [])}
    specification: Record | None = package.get("InferenceSpecification") if name is None else additional.get(name)
    if specification is None:
        missing = "InferenceSpecification" if name is None else f"additional inference specification '{name}'"
        raise ValidationException(f"The model package '{package['ModelPackageArn']}' has no {missing}")
    return specification


def _merged(container: Record, packaged: Record) -> Record:
    if unknown := [member for member in NOT_SIMULATED if member in packaged]:
        raise ValidationException(f"{unknown[0]} of a model package is not simulated")
    merged = {member: packaged[member] for member in SERVED if member in packaged}
    merged |= {member: container[member] for member in ("ContainerHostname", "Mode") if member in container}
    return merged | {"Environment": packaged.get("Environment", {}) | container.get("Environment", {})}
