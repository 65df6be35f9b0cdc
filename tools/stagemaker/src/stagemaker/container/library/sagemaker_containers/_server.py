"""Start a model server with a framework's own application."""

import subprocess

from ._env import ServingEnv


def start(module_app: str) -> None:
    """Serve a WSGI application (MODULE:APPLICATION) in gunicorn, without nginx. Raises CalledProcessError."""
    serving = ServingEnv()
    command = ["gunicorn", "--bind", f"0.0.0.0:{serving.http_port}", "--worker-class", "gthread", "--no-control-socket"]
    command += ["--timeout", str(serving.model_server_timeout), "--workers", str(serving.model_server_workers)]
    subprocess.run([*command, module_app], check=True)


def next_safe_port(port_range: str, after: str | None = None) -> str:
    """Return the first port of a range ("9000-9999"), or `after` + 1. Raises ValueError if it is outside the range."""
    first, last = (int(value) for value in port_range.split("-"))
    port = first if after is None else int(after) + 1
    if not first <= port <= last:
        raise ValueError(f"the port {port} is outside SageMaker's reserved range {port_range}")
    return str(port)
