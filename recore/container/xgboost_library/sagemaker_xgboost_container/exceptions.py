"""What the caller of a job did wrong, and what XGBoost says of it."""


class UserError(ValueError):
    """Something that the caller of a job wrote is wrong; the message says what."""


def words_of(error: Exception) -> str:
    """What an error of XGBoost says, without the addresses of its own functions."""
    return str(error).partition("Stack trace")[0].strip()[:800]
