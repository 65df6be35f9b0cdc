"""`recore ml2p`: a project's daily work, with the commands and the project file of ML2P."""

from recore.cli.ml2p.dataset_commands import dataset
from recore.cli.ml2p.endpoint_commands import endpoint
from recore.cli.ml2p.group import ml2p
from recore.cli.ml2p.model_commands import model
from recore.cli.ml2p.refused_commands import notebook, repo
from recore.cli.ml2p.training_job_commands import training_job

__all__ = ["ml2p"]

for command in (dataset, training_job, model, endpoint, notebook, repo):
    ml2p.add_command(command)
