"""The error for invalid data or settings, and the messages of XGBoost's errors."""


class UserError(ValueError):
    """Raised if the data or settings of a job are invalid; the message explains why."""


def message_of(error: Exception) -> str:
    """Return the message of an XGBoost error without its stack trace."""
    return str(error).partition("Stack trace")[0].strip()[:800]
