"""The one region and the one account that the simulator has."""

REGION = "us-east-1"
ACCOUNT = "123456789012"


def arn(resource: str, service: str = "sagemaker", region: str = REGION) -> str:
    """The ARN of a resource, which is its type and name: `model/mine`, `role/SageMakerRole`."""
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"
