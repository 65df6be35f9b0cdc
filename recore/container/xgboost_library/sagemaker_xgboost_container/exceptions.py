"""The error of a user's mistake, and messages of XGBoost's errors."""


class UserError(ValueError):
    """The data or settings of a job are invalid; the message says why."""


def message_of(error: Exception) -> str:
    """Return the message of XGBoost's error without its stack trace."""
    return str(error).partition("Stack trace")[0].strip()[:800]
