"""What boto3's errors say, in one line with what to do."""

SETTINGS = "start `stagemaker start` and export what it prints, or choose an AWS profile with AWS_PROFILE"


def explain_aws_error(error: Exception) -> str:
    """Why a call of boto3's failed. error: a BotoCoreError or a ClientError."""
    from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError

    if isinstance(error, NoRegionError | NoCredentialsError):
        return f"{str(error).rstrip('.')}: {SETTINGS}"
    if not isinstance(error, ClientError):
        return str(error)
    response = error.response["Error"]
    if response["Code"] == "NoSuchBucket":
        return f"the bucket {response.get('BucketName', '')!r} does not exist: create it, or correct 's3folder'"
    return f"{error.operation_name}: {response.get('Message') or response['Code']}"
