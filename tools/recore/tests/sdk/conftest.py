"""SageMaker's SDK, version 3: these tests run only in the environment that `make test-sdk` creates for it."""

from importlib.util import find_spec

from stagemaker_support.sdk import no_outside_lookups, restartable_simulator, s3, sandbox, variables

__all__ = ["no_outside_lookups", "restartable_simulator", "s3", "sandbox", "variables"]  # fixtures

collect_ignore_glob = [] if find_spec("sagemaker") and find_spec("sagemaker.train") else ["test_*.py"]
