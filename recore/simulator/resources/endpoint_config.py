"""Endpoint configurations: which models an endpoint serves, on how many instances, with which shares of the traffic."""

from recore.simulator.protocol.errors import ValidationException
from recore.simulator.resources.resource import Resource, refuse, refuse_others
from recore.simulator.state.records import Record

# members that are simulated; requests with others are refused
CONFIG = {"EndpointConfigName", "ProductionVariants", "DataCaptureConfig", "ExecutionRoleArn", "Tags"}
VARIANT = {
    "VariantName",
    "ModelName",
    "InstanceType",
    "InitialInstanceCount",
    "InitialVariantWeight",
    "VolumeSizeInGB",
    "ModelDataDownloadTimeoutInSeconds",
    "ContainerStartupHealthCheckTimeoutInSeconds",
}


class EndpointConfigs(Resource):
    kind = "EndpointConfig"
    arn_type = "endpoint-config"
    verbs = ("Describe", "List", "Delete")
    newest_first = True

    def CreateEndpointConfig(self, request: Record) -> Record:
        refuse_others(request, CONFIG, "CreateEndpointConfig")
        capture = request.get("DataCaptureConfig", {})
        refuse(capture, ["KmsKeyId"], "DataCaptureConfig")
        if capture and not capture["DestinationS3Uri"].startswith("s3://"):
            raise ValidationException("DataCaptureConfig: DestinationS3Uri must begin with s3://")
        variants = request["ProductionVariants"]
        for variant in variants:
            self._check_variant(variant)
        names = [variant["VariantName"] for variant in variants]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValidationException(f"ProductionVariants: several have the name {repeated[0]}")
        variants = [{"InitialVariantWeight": 1.0} | variant for variant in variants]  # SageMaker's default
        if not any(variant["InitialVariantWeight"] for variant in variants):
            raise ValidationException("ProductionVariants: at least one weight must be above 0")
        return {"EndpointConfigArn": self.add(request | {"ProductionVariants": variants})}

    def _check_variant(self, variant: Record) -> None:
        """Raise ServiceError if a variant is invalid or not simulated."""
        place = f"Production variant {variant['VariantName']}"
        refuse_others(variant, VARIANT, place)
        for name in ("ModelName", "InstanceType", "InitialInstanceCount"):
            if name not in variant:
                raise ValidationException(f"{place}: {name} is missing")
        if self.store.get("Model", variant["ModelName"]) is None:
            raise ValidationException(f"Could not find model '{variant['ModelName']}'")
