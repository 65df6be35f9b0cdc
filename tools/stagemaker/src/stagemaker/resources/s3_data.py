"""Check that a request's input data and model data exist on S3, as SageMaker does."""

from stagemaker.compute.files.transfers import has_objects, is_address, parse
from stagemaker.compute.platform import Platform
from stagemaker.compute.servers.container_server import model_data
from stagemaker.protocol import error_messages
from stagemaker.protocol.account import REGION
from stagemaker.protocol.errors import ValidationException
from stagemaker.state.records import Record


def check_input(platform: Platform, uri: str, role: str | None) -> None:
    """Raise ServiceError if no object's key begins with the URI's key.

    role: the ARN of the role that the message mentions, or None for the model's role.
    """
    if not has_objects(platform.s3, uri, is_prefix=True):
        template = error_messages.INPUT_MISSING
        reader = f'the role "{role}"' if role else "the model's role"
        raise ValidationException(template.format(uri=uri, region=REGION, role=reader, bucket=parse(uri)[0]))


def output_problem(member: str, uri: str) -> str | None:
    """Return an error message unless the URI is an S3 address. The API's pattern also permits https addresses."""
    return None if is_address(uri) else f"{member} must be an S3 URI, such as s3://bucket/folder, not '{uri}'"


def check_model_data(platform: Platform, container: Record) -> None:
    """Raise ServiceError if a container's model data do not exist on S3. container: a valid definition."""
    uri, is_packed = model_data(container)
    if uri and not has_objects(platform.s3, uri, uri.endswith("/") and not is_packed):
        raise ValidationException(error_messages.MODEL_DATA_MISSING.format(uri=uri))
