"""`recore production`: the commands of a model in production."""

from recore.cli.production import (
    compare_command,
    endpoint_commands,
    monitor_command,
    pipeline_commands,
    retrain_command,
    tune_command,
    version_commands,
)
from recore.cli.production.group import production
