"""Errors in names and settings, and errors that a predictor raises to set the status of the HTTP response."""

from collections.abc import Iterable, Mapping
from typing import Any

from werkzeug.exceptions import HTTPException


class NamingError(Exception):
    """The name of a dataset or training job is invalid."""


class ConfigError(Exception):
    """A setting in the project file, an environment variable or a SageMaker file is missing or invalid."""


class LocalEnvError(Exception):
    """An operation of a local environment failed."""


class JobError(Exception):
    """A dataset cannot be generated, or a model cannot be trained. The message is clear without a traceback."""


class UploadError(Exception):
    """An object could not be written to S3."""


class APIError(HTTPException):
    """An error whose HTTP response is a JSON object with `message` and `details`.

    details: a string, a mapping, or an iterable of details. status_code: the HTTP status, by default 500.
    """

    code = 500

    def __init__(
        self,
        message: str,
        details: str | Mapping[str, Any] | Iterable[Any] | None = None,
        status_code: int | None = None,
    ):
        super().__init__(message)
        self.message = message
        self.details = [details] if isinstance(details, str | Mapping) else list(details or [])
        if status_code is not None:
            self.code = status_code

    @property
    def status_code(self) -> int:
        return self.code


class ServerError(APIError):
    """The predictor is at fault; status 500."""


class ClientError(APIError):
    """The request is at fault; status 400."""

    code = 400
