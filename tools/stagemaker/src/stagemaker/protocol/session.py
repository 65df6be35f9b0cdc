"""boto3 sessions that ignore the caller's environment variables, configuration files and service models."""

import os

import boto3
import botocore.session
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.loaders import Loader

from stagemaker.protocol.account import REGION


def simulator_session() -> boto3.Session:
    return boto3.Session("simulator", "simulator", region_name=REGION, botocore_session=simulator_botocore_session())


def simulator_botocore_session() -> botocore.session.Session:
    # a session variable is defined by a configuration key, an environment variable, a default and a conversion function
    variables = {
        name: (None, None, default, convert)
        for name, (_, _, default, convert) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
    for file in ("config_file", "credentials_file"):
        variables[file] = (None, None, os.devnull, None)
    session = botocore.session.Session(variables)
    # S3's settings are not session variables, but a section of the configuration file
    session.get_component("config_store").set_config_variable("s3", {})
    loader = Loader([Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)  # without ~/.aws/models
    session.register_component("data_loader", loader)
    return session
