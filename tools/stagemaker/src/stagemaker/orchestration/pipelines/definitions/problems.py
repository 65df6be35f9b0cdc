"""Errors in a pipeline's definition, and failures of an execution's steps."""

import contextlib
from collections.abc import Iterator

from stagemaker.protocol.errors import ValidationException


class DefinitionError(ValidationException):
    """A definition is invalid. The message names the step and the reason."""


class StepFailure(Exception):
    """A step failed. The message becomes its FailureReason.

    kind: the exception type by which a retry policy selects this failure, or an empty string. status: the step's final
    status.
    """

    def __init__(self, message: str, kind: str = "", status: str = "Failed"):
        super().__init__(message)
        self.kind, self.status = kind, status


@contextlib.contextmanager
def located(place: str) -> Iterator[None]:
    """Prefix the message of each DefinitionError with the place where it occurred."""
    try:
        yield
    except DefinitionError as problem:
        raise DefinitionError(f"{place}: {problem}") from None
