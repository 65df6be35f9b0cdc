"""Jobs have no network: a download hangs until it times out, or fails at once. Opening an address, and installing a
package from within a script, are errors. The import of a library whose purpose is the network is a warning.

    os.system("pip install lightgbm")

Fix: name packages in `requirements.txt`, which is installed before the job starts, and include small files in the
upload, with `MANIFEST.in`, instead of downloading them.
"""

import ast
import re
from collections.abc import Iterator

from recore.check.file_uses import find_file_uses
from recore.check.rule import Finding, Level, Place, rule
from recore.check.script import Script
from recore.check.source import SubmissionSource

CLIENTS = {
    *("requests", "urllib.request", "urllib3", "http.client", "httpx", "aiohttp", "ftplib", "smtplib", "paramiko"),
    *("boto3", "botocore", "s3fs", "gcsfs", "wandb", "mlflow", "huggingface_hub", "xmlrpc.client", "gdown", "comet_ml"),
}
CALLS = {"urllib.request.urlopen", "urllib.request.urlretrieve", "socket.create_connection"}
ADDRESS = re.compile(r"(?:https?|s3|ftp|gs|hdfs)://")
STARTERS = re.compile(r"os\.(?:system|popen|exec\w+|spawn\w+)|subprocess\.\w+|pip\.main|pip\._internal\.main")
INSTALLS = re.compile(r"\b(?:pip3?|conda|mamba|uv|apt-get|apt|yum|dnf)\b.*\binstall\b", re.DOTALL)


@rule("RC116", "The scripts do not need the network", needs=("RC101", "RC102"))
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    for script in source.scripts:
        places = set()
        for line, message in _errors(script):
            places.add(line)
            fix = "upload what the job needs; packages belong in requirements.txt"
            yield Finding(message, fix, Place(script.file, line))
        for statement in script.imports:
            names = {statement.module, *(f"{statement.module}.{name}" for name in statement.names)}
            client = min(names & CLIENTS, default="") or (statement.top if statement.top in CLIENTS else "")
            local = client and source.find_module(statement.top)
            if client and not (places or local or statement.optional or not source.is_available(statement)):
                message = f"{client} is for the network, and jobs have none"
                yield Finding(message, "do without it", Place(script.file, statement.line), Level.WARNING)


def _errors(script: Script) -> Iterator[tuple[int, str]]:
    for use in find_file_uses(script):
        if ADDRESS.match(use.path) and not use.context.handles("OSError", "URLError"):
            yield use.line, f"{use.path!r} cannot be opened: jobs have no network"
    for node, context in script.calls:
        if context.handles("OSError", "URLError"):
            continue
        name = script.name_of(node.func)
        if name in CALLS:
            yield node.lineno, f"{name}() fails: jobs have no network"
        elif STARTERS.fullmatch(name):
            texts = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
            if INSTALLS.search(" ".join(text for text in texts if isinstance(text, str))):
                yield node.lineno, "a package cannot be installed while the job runs: jobs have no network"
