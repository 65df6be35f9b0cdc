"""The simulator's only region and account, and the bucket and role that exist from the start."""

REGION = "us-east-1"
ACCOUNT = "123456789012"


def arn(resource: str, service: str = "sagemaker", region: str = REGION) -> str:
    """Return the ARN of a resource. resource: its type and name, such as `model/churn` or `role/SageMakerRole`."""
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"


BUCKET = f"sagemaker-{REGION}-{ACCOUNT}"
ROLE = "SageMakerRole"
ROLE_ARN = arn(f"role/{ROLE}", "iam", region="")
