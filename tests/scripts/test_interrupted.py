"""Interrupted scripts: earlier output stays complete, and partial output never replaces it."""

import gzip
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.checkout import ROOT, environment, full_disk_environment


@pytest.fixture
def endless_run(tmp_path: Path) -> subprocess.Popen:
    """Start preprocess.py on gigabytes of data (one gzip member repeated), with an older output in place."""
    source, output = tmp_path / "endless.csv.gz", tmp_path / "public.csv"
    output.write_text("older\n")
    header = ",".join(["", "SiteID", *(str(4000 - 2 * channel) for channel in range(1500))])
    rows = (",".join(["0", "DD001", *["0.123456"] * 1500]) + "\n") * 500
    source.write_bytes(gzip.compress(f"{header}\n".encode()) + 500 * gzip.compress(rows.encode()))
    command = [sys.executable, ROOT / "preprocess.py", "--input", source, "--output", output]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_while_writing_keeps_the_older_output(
    endless_run: subprocess.Popen, number: signal.Signals, tmp_path: Path
) -> None:
    partial_output, deadline = tmp_path / "public.csv.part", time.monotonic() + 60
    while not (partial_output.exists() and partial_output.stat().st_size > 1_000_000):
        assert time.monotonic() < deadline
        assert endless_run.poll() is None
        time.sleep(0.02)
    endless_run.send_signal(number)
    assert endless_run.wait(timeout=30) != 0
    assert (tmp_path / "public.csv").read_text() == "older\n"
    if number == signal.SIGINT:
        assert endless_run.stderr.read() == "preprocess.py: interrupted\n"
        assert not partial_output.exists()


def test_a_full_disk_is_reported_in_one_line(sample: Path, tmp_path: Path) -> None:
    arguments = ["--input", sample / "public/public.csv.gz", "--output", tmp_path / "public.csv"]
    code = "import resource, runpy, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    code += "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)); "
    code += f"sys.argv = sys.argv[1:]; runpy.run_path({str(ROOT / 'preprocess.py')!r}, run_name='__main__')"
    command = [sys.executable, "-c", code, "preprocess.py", *map(str, arguments)]
    result = subprocess.run(command, env=full_disk_environment(), capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "File too large" in result.stderr
    assert not list(tmp_path.iterdir())
