"""The error for invalid data, settings or models, which SageMaker calls a customer error."""


class CustomerError(ValueError):
    """Raised if the data, settings or model of a job are invalid; the message explains why."""
