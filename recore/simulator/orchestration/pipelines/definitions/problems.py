"""What goes wrong with a pipeline: with its definition, or with a step of an execution."""


class DefinitionError(ValueError):
    """A definition that cannot run; the message names the step and the reason."""


class StepFailure(Exception):
    """A step failed; the message becomes its FailureReason.

    kind: what a retry policy calls such a failure, one of its exception types, or empty. status: the step's.
    """

    def __init__(self, message: str, kind: str = "", status: str = "Failed"):
        super().__init__(message)
        self.kind, self.status = kind, status
