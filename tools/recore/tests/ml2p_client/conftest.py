"""ML2P's client: these tests run only in the environment that `make test-sdk` creates for it."""

from importlib.util import find_spec

from stagemaker_support.sdk import variables

__all__ = ["variables"]  # a fixture

collect_ignore_glob = [] if find_spec("ml2p") else ["test_*.py"]
