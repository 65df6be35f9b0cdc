"""The error for invalid data, settings or models, which SageMaker calls a customer error."""


class CustomerError(ValueError):
    """The data, settings or model of a job are invalid. The message explains why."""
