"""`recore production`: commands for a model in production."""

from recore.cli.production import endpoint_commands, pipeline_commands, traffic_commands, version_commands
from recore.cli.production.group import production
