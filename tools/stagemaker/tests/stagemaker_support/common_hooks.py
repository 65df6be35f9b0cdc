"""Hooks and fixtures for both packages' tests: short test names, and a folder for sockets."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

MAX_ID_LENGTH = 100  # the maximum number of characters of a parameter in a test's name


def pytest_make_parametrize_id(val: object) -> str | None:
    """Shorten a long parameter in a test's name, because xdist sends all names to and from each worker."""
    if not isinstance(val, str | bytes) or len(val) <= MAX_ID_LENGTH:
        return None
    begin = val[:MAX_ID_LENGTH]
    return f"{begin if isinstance(begin, str) else begin.decode('ascii', 'backslashreplace')}..."


@pytest.fixture(scope="session")
def socket_folder() -> Iterator[Path]:
    """Return a folder for Unix sockets, because paths in pytest's temporary folders may be too long for them."""
    with tempfile.TemporaryDirectory(prefix="sockets-", dir="/tmp") as folder:
        yield Path(folder)
