"""Requests of orchestrated work to the simulator itself, by its own API."""

from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from recore.simulator.compute.platform import Platform
from recore.simulator.state.records import Record


def send(platform: Platform, operation: str, request: Record) -> Any:
    """Return the response to a request. Raises ClientError for an error response, and OSError where there is none."""
    try:
        return getattr(platform.sagemaker, xform_name(operation))(**request)
    except (HTTPClientError, EndpointConnectionError) as error:
        raise OSError(f"{operation}: {error}") from None


def raise_if_unavailable(error: ClientError) -> None:
    """Raise OSError, after which the request is repeated, if the simulator could not carry it out: the disk is full."""
    if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
        raise OSError(str(error)) from None
