"""Errors as SageMaker answers them."""


class ServiceError(Exception):
    """An error answer: a code of the service and a message for the caller."""

    def __init__(self, code: str, message: str, status: int = 400):
        super().__init__(message)
        self.code = code
        self.status = status


def validation_error(problems: list[str]) -> ServiceError:
    """ValidationException for a request that breaks the service model."""
    plural = "s" if len(problems) > 1 else ""
    return ServiceError(
        "ValidationException", f"{len(problems)} validation error{plural} detected: {'; '.join(problems)}"
    )
