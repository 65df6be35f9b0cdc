"""ML2P's daily work: a project's datasets, training jobs, models and endpoints, by its project file and plain boto3."""

from recore.ml2p.project import Project
from recore.ml2p.project_folder import prepare
from recore.ml2p.resources import FailedError, list_resources, wait
from recore.ml2p.versions import describe_version
from recore.model.errors import ConfigError, LocalEnvError, NamingError, UploadError
from recore.model.hyperparameters import HyperParameterEncodingError

# their messages are for users
USER_ERRORS = (ConfigError, LocalEnvError, NamingError, UploadError, HyperParameterEncodingError)
