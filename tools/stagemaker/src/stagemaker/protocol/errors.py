"""SageMaker's errors."""

from typing import Any


class ServiceError(Exception):
    """An error that the service returns, with its code, its message and additional members."""

    def __init__(self, code: str, message: str, status: int = 400, **members: Any):
        super().__init__(message)
        self.code, self.status, self.members = code, status, members


class ValidationException(ServiceError):
    def __init__(self, message: str):
        super().__init__("ValidationException", message)


def unsupported(feature: str, reason: str) -> ServiceError:
    return ServiceError("NotImplemented", f"The simulator does not support {feature}: {reason}", 501)


def validation_error(problems: list[str]) -> ValidationException:
    plural = "s" if len(problems) > 1 else ""
    return ValidationException(f"{len(problems)} validation error{plural} detected: {'; '.join(problems)}")
