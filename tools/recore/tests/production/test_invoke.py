"""`invoke` rejects unreadable files. test_endpoint.py has the other tests of `invoke`."""

import gzip
from pathlib import Path

import pytest
from recore_support.command import recore, usage_error


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(b"index,a\n0,1\n" * 99)[:-20], "the gzip file is truncated"),
        (gzip.compress(b"index,a\n\xff,1\n"), "this is not UTF-8 text"),
        (gzip.compress(b"index,a\n0,1\n0\n"), "row 2 has 1 cells instead of 2"),
    ],
    ids=["truncated", "not text", "short row"],
)
def test_a_file_that_cannot_be_sent_is_rejected_in_one_line(content: bytes, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "spectra.csv.gz"
    file.write_bytes(content)
    line = usage_error(recore("production", "invoke", file, cwd=tmp_path, AWS_ENDPOINT_URL="http://127.0.0.1:1"))
    assert line.startswith(f"recore: {file}: ")
    assert reason in line
