"""The SourceUri of a model package: a model or another model package has the inference specification, too."""

import re

from recore.simulator.compute.servers.chain import named_containers
from recore.simulator.protocol.account import arn
from recore.simulator.protocol.errors import ValidationException
from recore.simulator.state.records import Record, Store

ARN = re.compile(r"arn:[^:]*:sagemaker:[^:]*:[^:]*:(model|model-package)/.+")
KINDS = {"model": "Model", "model-package": "ModelPackage"}
MEMBERS = ("ContainerHostname", "Image", "ModelDataUrl", "ModelDataSource", "Environment")  # of a packaged container


def with_source(store: Store, package: Record, request: Record) -> Record:
    """A package with the SourceUri of a request, and with the inference specification of what that names.

    A package that has an inference specification keeps it. Raises ServiceError where the request has both members, or
    its SourceUri names a model or a model package that does not exist.
    """
    if "SourceUri" not in request:
        return package
    if "InferenceSpecification" in request:
        raise ValidationException("A request has either a SourceUri or an InferenceSpecification")
    specification = _specification(store, request["SourceUri"])
    populated = {"InferenceSpecification": specification} if specification else {}
    return populated | package | {"SourceUri": request["SourceUri"]}


def _specification(store: Store, uri: str) -> Record | None:
    """The inference specification of the model or package of that ARN; None if the address is of another kind.

    Raises ServiceError where there is no such model or package.
    """
    found = ARN.fullmatch(uri)
    if found is None:
        return None
    prefix = arn(f"{found[1]}/")
    record = store.get(KINDS[found[1]], uri.removeprefix(prefix)) if uri.startswith(prefix) else None
    if record is None:
        raise ValidationException(f"SourceUri: could not find '{uri}'")
    if found[1] == "model-package":
        return record.get("InferenceSpecification")
    containers = [container for _, container in named_containers(record | record.internal)]
    return {"Containers": [{name: item[name] for name in MEMBERS if name in item} for item in containers]}
