"""Marks for tests that need a sandbox, which `make test` does not install."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from stagemaker.isolation.bubblewrap import sandbox_works

T = TypeVar("T", bound=Callable[..., Any] | type)
REASON = "bubblewrap does not work here: install it, or allow user namespaces"
SANDBOX = [pytest.mark.machine, pytest.mark.skipif(not sandbox_works(), reason=REASON)]
ISOLATIONS = ["off", pytest.param("required", marks=SANDBOX)]


def needs_sandbox(test: T) -> T:
    for mark in SANDBOX:
        test = mark(test)
    return test
