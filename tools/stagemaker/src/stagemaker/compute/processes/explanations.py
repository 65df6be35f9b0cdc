"""Explain errors in the output of a job or server whose cause is a difference between the simulator and AWS."""

import re
from collections.abc import Sequence
from pathlib import Path

from stagemaker.images.catalogue import family_of
from stagemaker.isolation.sandbox import Sandbox

CREDENTIAL_ERRORS = (
    "NoCredentialsError|Unable to locate credentials|EndpointConnectionError|Could not connect to the en"
)
CONNECTION_ERROR = re.compile(
    f"{CREDENTIAL_ERRORS}|gaierror|NameResolution|Name or service not known|name resolution|Could not resolve host|"
    "Failed to resolve|Network is unreachable|NewConnectionError|ConnectTimeout|No matching distribution found"
)
OPTION = "With `--network simulator` (in Python: Simulator(jobs_can_call=True)), boto3 in a job can call this simulator"
OTHERS = "pass other data as inputs, and list packages in requirements.txt"
VERSION_ERROR = re.compile(r"(AttributeError|ImportError|ModuleNotFoundError|TypeError): ")
CLASS_NAME = re.compile(r"\b[A-Z]\w+")


def explain(sandbox: Sandbox, message: str, output: Sequence[str]) -> str:
    """Return explanations of an error, one per line, or '' if its cause is unknown.

    message: the error. output: the last lines of the program's output.
    """
    # a script that runs another program, such as pip, reports only its exit status
    text = "\n".join([message, *output]) if "CalledProcessError" in message else message
    explanations = [
        sandbox.isolation.explain(message),
        _explain_network(sandbox, text),
        _explain_version(sandbox, output),
    ]
    return "\n".join(filter(None, explanations))


def _explain_network(sandbox: Sandbox, text: str) -> str:
    if not CONNECTION_ERROR.search(text):
        return ""
    if not sandbox.isolation.enforced:  # jobs have the user's network
        return "" if sandbox.network or not re.search(CREDENTIAL_ERRORS, text) else OPTION
    if sandbox.has_network_isolation:
        return "The job has no network, on AWS either, because its request contains EnableNetworkIsolation"
    if sandbox.network:
        return f"Jobs can call only this simulator here, at AWS_ENDPOINT_URL: {OTHERS}"
    return f"Jobs have no network here. {OPTION}, but nothing else: {OTHERS}"


def _explain_version(sandbox: Sandbox, output: Sequence[str]) -> str:
    """Return which version of the framework was requested, and which ran, if the last error came from the framework."""
    family, location, error = family_of(sandbox.image), "", ("", "")
    if not sandbox.isolation.uses_local_python or not (difference := family.version_difference(sandbox.image)):
        return ""
    for line in output:
        if line.lstrip().startswith('File "'):
            location = line
        elif VERSION_ERROR.match(line):
            error = location, line
    location, message = error
    is_framework_error = f"/{family.module}/" in location or re.search(rf"\b{family.module}\b", message)
    return difference if is_framework_error or _defines_class(sandbox, CLASS_NAME.findall(message)[1:]) else ""


def _defines_class(sandbox: Sandbox, names: list[str]) -> bool:
    """Return whether the framework defines a class with one of these names."""
    family = family_of(sandbox.image)
    folders = (Path(path, family.module) for path in family.python(sandbox.image).packages)
    package = next(filter(Path.is_dir, folders), None)
    if package is None or not names:
        return False
    definition = re.compile(rf"^class ({'|'.join(names)})\b", re.MULTILINE)
    return any(definition.search(path.read_text("utf-8", "replace")) for path in package.rglob("*.py"))
