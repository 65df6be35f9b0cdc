"""What requests refer to on S3 and SageMaker looks up before it accepts them: input data, and the data of models."""

from stagemaker.compute.files.transfers import has_objects, is_address, parse
from stagemaker.compute.platform import Platform
from stagemaker.compute.servers.container_server import model_data
from stagemaker.protocol import error_texts
from stagemaker.protocol.account import REGION
from stagemaker.protocol.errors import ValidationException
from stagemaker.state.records import Record


def check_input(platform: Platform, uri: str, role: str | None) -> None:
    """Raise ServiceError if no object's key begins with the URI's key.

    role: the ARN of the role that reads the data, for the message; None if a transform job's model has none.
    """
    if not has_objects(platform.s3, uri, is_prefix=True):
        text = error_texts.INPUT_MISSING
        reader = f'the role "{role}"' if role else "the model's role"
        raise ValidationException(text.format(uri=uri, region=REGION, role=reader, bucket=parse(uri)[0]))


def output_problem(member: str, uri: str) -> str | None:
    """Return why nothing can be written to the URI, or None. The API's pattern permits any that begins with https."""
    return None if is_address(uri) else f"{member} must be an address on S3, such as s3://bucket/folder, not '{uri}'"


def check_model_data(platform: Platform, container: Record) -> None:
    """Raise ServiceError if a valid container has model data that are not on S3."""
    uri, is_packed = model_data(container)
    if uri and not has_objects(platform.s3, uri, uri.endswith("/") and not is_packed):
        raise ValidationException(error_texts.MODEL_DATA_MISSING.format(uri=uri))
