"""The variables that other programs get from this process's environment: a list, because the rest may be secret.

A job's own variables are a different matter: they come from its request. It uses only the standard library, because
set-up runs it before anything is installed.
"""

import os
import re
from collections.abc import Mapping

REASONS = {
    "PATH|PYENV_ROOT|LD_LIBRARY_PATH|PYTHONPATH": "where programs, Python interpreters, libraries and packages are",
    "HOME|XDG_.*|NETRC": "where pip, uv and the engine's client look for their settings and credentials",
    "TMPDIR": "where programs create temporary files",
    "LANG|LC_.*": "the encoding of file names and messages",
    "(?i:HTTPS?|ALL|NO)_(?i:PROXY)": "how to reach a package index",
    "SSL_CERT_(FILE|DIR)|SSL_CLIENT_CERT|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE": "which certificates to trust",
    "PIP_.*|UV_.*": "the user's settings of pip and uv",
    "DOCKER_.*": "which engine to use, and how",
    "CC|CXX|AR|(C|CXX|CPP|LD|ARCH)FLAGS|SDKROOT|MACOSX_DEPLOYMENT_TARGET": "how set-up compiles packages",
}


def program_variables(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables in an environment that a program which is started for a job or an image may get."""
    return {name: value for name, value in environment.items() if any(re.fullmatch(each, name) for each in REASONS)}
