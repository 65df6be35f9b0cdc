"""What boto3's errors say, in one line with what to do."""

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError

from recore.distribution import PROGRAM

WHERE = f"start `{PROGRAM} simulate` and export what it prints, or choose a profile of AWS's with AWS_PROFILE"


def explain(error: BotoCoreError | ClientError) -> str:
    """Return why a call of boto3's failed."""
    if isinstance(error, NoRegionError | NoCredentialsError):
        return f"{str(error).rstrip('.')}: {WHERE}"
    if isinstance(error, EndpointConnectionError):
        return f"{error}: is the simulator still running?"
    if not isinstance(error, ClientError):
        return str(error)
    said = error.response["Error"]
    if said["Code"] == "NoSuchBucket":
        return f"the bucket {said.get('BucketName', '')!r} does not exist: create it, or correct 's3folder'"
    return f"{error.operation_name}: {said.get('Message') or said['Code']}"
