class UserError(ValueError):
    """Something that the caller of a job wrote is wrong; the message says what."""
