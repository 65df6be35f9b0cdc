"""What goes wrong with a pipeline: with its definition, or with a step of an execution."""


class DefinitionError(ValueError):
    """A definition that cannot run; the message names the step and the reason."""


class StepFailure(Exception):
    """A step failed; the message becomes its FailureReason. kind: what a retry policy calls such a failure, if it can.

    kind is one of the exception types of retry policies, or empty.
    """

    def __init__(self, message: str, kind: str = ""):
        super().__init__(message)
        self.kind = kind
