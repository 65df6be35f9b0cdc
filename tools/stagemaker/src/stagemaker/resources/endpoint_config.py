"""Endpoint configurations: the models that an endpoint serves, their instances and their traffic shares."""

from collections.abc import Iterator

from stagemaker.compute.servers.chain import named_containers
from stagemaker.compute.servers.multi_model import is_multi_model
from stagemaker.protocol import error_messages
from stagemaker.protocol.errors import ValidationException
from stagemaker.resources.model import Models
from stagemaker.resources.resource import Resource, find_repeated, reject_members, reject_other_members
from stagemaker.resources.s3_data import output_problem
from stagemaker.state.records import Record

# the simulated members; requests with other members are rejected
CONFIG_MEMBERS = {"EndpointConfigName", "ProductionVariants", "DataCaptureConfig", "ExecutionRoleArn", "Tags"}
VARIANT_MEMBERS = {
    *(
        "VariantName ModelName InstanceType InitialInstanceCount InitialVariantWeight VolumeSizeInGB "
        "ModelDataDownloadTimeoutInSeconds ContainerStartupHealthCheckTimeoutInSeconds ServerlessConfig"
    ).split()
}
INSTANCE_MEMBERS = ("InstanceType", "InitialInstanceCount")
SERVERLESS_MEGABYTES = tuple(range(1024, 6145, 1024))


class EndpointConfigs(Resource):
    kind = "EndpointConfig"
    arn_type = "endpoint-config"
    title = "endpoint configuration"
    missing_message = error_messages.RESOURCE_MISSING
    verbs = ("Describe", "List", "Delete")
    newest_first = True

    def CreateEndpointConfig(self, request: Record) -> Record:
        reject_other_members(request, CONFIG_MEMBERS, "CreateEndpointConfig")
        capture = request.get("DataCaptureConfig", {})
        reject_members(capture, ["KmsKeyId"], "DataCaptureConfig")
        if capture and (problem := output_problem("DestinationS3Uri", capture["DestinationS3Uri"])):
            raise ValidationException(f"DataCaptureConfig: {problem}")
        variants = request["ProductionVariants"]
        for variant in variants:
            self._check_variant(variant)
        if repeated_names := find_repeated([variant["VariantName"] for variant in variants]):
            raise ValidationException(f"ProductionVariants: more than one variant is named {repeated_names[0]}")
        variants = [{"InitialVariantWeight": 1.0} | variant for variant in variants]  # SageMaker's default
        if len(variants) > 1 and any("ServerlessConfig" in variant for variant in variants):
            raise ValidationException("ProductionVariants: a serverless variant must be the only one")
        if capture and "ServerlessConfig" in variants[0]:
            raise ValidationException("DataCaptureConfig cannot be used with a serverless variant")
        if not any(variant["InitialVariantWeight"] for variant in variants):
            raise ValidationException("ProductionVariants: at least one weight must be greater than 0")
        return {"EndpointConfigArn": self.add(request | {"ProductionVariants": variants})}

    def _check_variant(self, variant: Record) -> None:
        location = f"Production variant {variant['VariantName']}"
        reject_other_members(variant, VARIANT_MEMBERS, location)
        is_serverless = "ServerlessConfig" in variant
        for name in ("ModelName", *(() if is_serverless else INSTANCE_MEMBERS)):
            if name not in variant:
                raise ValidationException(f"{location}: {name} is missing")
        model = self.store.get(Models.kind, variant["ModelName"])
        if model is None:
            raise ValidationException(Models.message(Models.missing_message, variant["ModelName"]))
        if is_serverless:
            _check_serverless(variant, location)
            for reason, is_excluded in _excluded_models(model | model.internal):
                if is_excluded:
                    raise ValidationException(f"{location}: a serverless variant cannot serve a model with {reason}")


def _excluded_models(model: Record) -> Iterator[tuple[str, bool]]:
    """Yield each feature that a serverless variant's model cannot have, and whether this model has it.

    Source: *Feature exclusions* of Serverless Inference in the developer guide.
    """
    yield "a multi-model container", is_multi_model(model)
    yield "several containers", len(named_containers(model)) > 1
    yield "EnableNetworkIsolation", bool(model.get("EnableNetworkIsolation"))
    yield "a VpcConfig", "VpcConfig" in model


def _check_serverless(variant: Record, location: str) -> None:
    if other_members := [name for name in (*INSTANCE_MEMBERS, "VolumeSizeInGB") if name in variant]:
        raise ValidationException(f"{location}: {other_members[0]} cannot be used with ServerlessConfig")
    serverless = variant["ServerlessConfig"]
    if serverless["MemorySizeInMB"] not in SERVERLESS_MEGABYTES:
        sizes = ", ".join(map(str, SERVERLESS_MEGABYTES))
        raise ValidationException(f"{location}: MemorySizeInMB must be one of {sizes}")
    if serverless.get("ProvisionedConcurrency", 0) > serverless["MaxConcurrency"]:
        raise ValidationException(f"{location}: ProvisionedConcurrency must not exceed MaxConcurrency")
