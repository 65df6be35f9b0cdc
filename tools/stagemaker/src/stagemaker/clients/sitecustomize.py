"""Redirect STS clients from AWS's own STS address to AWS_ENDPOINT_URL.

`get_execution_role()` and `Session.account_id()` of the SageMaker SDK create an STS client with the explicit address
https://sts.REGION.amazonaws.com, which takes precedence over the environment. Every Python process with this folder on
its PYTHONPATH imports this file, so the file imports little. It also executes the sitecustomize that it shadows.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec

TYPE_CHECKING = False  # type checkers assume that it is true
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MODULE = "botocore.session"  # patched only when a program imports it, because most programs do not


class BotocoreFinder:
    """An import finder for botocore.session that patches the module after its import."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != MODULE:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_patch(module: Any) -> None:
                execute(module)
                module.Session.create_client = redirect(module.Session.create_client)

            spec.loader.exec_module = execute_and_patch  # type: ignore[method-assign]
        return spec


def redirect(create_client: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a session's create_client so that AWS_ENDPOINT_URL, if it is set, replaces AWS's own STS address."""

    def create(self: Any, service_name: str, *arguments: Any, **options: Any) -> Any:
        address = (options.get("endpoint_url") or "").rstrip("/")
        is_aws_address = address.startswith("https://sts.") and address.endswith(
            (".amazonaws.com", ".amazonaws.com.cn")
        )
        if is_aws_address and service_name == "sts" and os.environ.get("AWS_ENDPOINT_URL"):
            options["endpoint_url"] = None
        return create_client(self, service_name, *arguments, **options)

    return create


def execute_next() -> None:
    """Execute the sitecustomize that Python would import if this folder were not on sys.path."""
    folder = os.path.realpath(os.path.dirname(__file__))
    spec = PathFinder.find_spec("sitecustomize", [path for path in sys.path if os.path.realpath(path) != folder])
    if spec is not None and spec.loader is not None:
        sys.modules["sitecustomize"] = module = module_from_spec(spec)
        spec.loader.exec_module(module)


if __name__ == "sitecustomize":  # not if imported by a simulator, which redirects the clients of its own process
    sys.meta_path.insert(0, BotocoreFinder())
    execute_next()
