"""Airflow's operators: these tests run only in the environment that `make test-sdk` creates for it."""

import os
import tempfile
from importlib.util import find_spec

from stagemaker_support.sdk import variables

__all__ = ["variables"]  # a fixture

collect_ignore_glob = [] if find_spec("airflow") and find_spec("airflow.providers.amazon") else ["test_*.py"]

# Airflow reads these when it is imported, and writes its settings into this folder
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-")
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "True"
os.environ["AIRFLOW_CONN_AWS_DEFAULT"] = "aws://"
