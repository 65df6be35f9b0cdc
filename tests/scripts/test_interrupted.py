"""Interrupted scripts: earlier output stays complete, and partial output never replaces it."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.checkout import ROOT, environment, full_disk_environment


@pytest.mark.parametrize(
    ("script", "name", "signum"),
    [("train.py", "model.pkl", signal.SIGINT), ("preprocess.py", "public.csv", signal.SIGTERM)],
)
def test_a_signal_while_writing_keeps_the_older_output(
    script: str, name: str, signum: signal.Signals, sample: Path, tmp_path: Path
) -> None:
    """The partial output is a pipe that is never read, so the script cannot exit before the signal."""
    output, partial = tmp_path / name, tmp_path / f"{name}.part"
    output.write_text("older")
    os.mkfifo(partial)
    data = sample / "public/public.csv.gz"
    arguments = ["--data_dir", data.parent, "--model_dir", tmp_path, "--input", data, "--output", output]
    command = [sys.executable, ROOT / script, *arguments]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL)
    pipe = os.open(partial, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert select.select([pipe], [], [], 60)[0]  # the script is writing
        process.send_signal(signum)
        assert process.wait(timeout=60) != 0
    finally:
        process.kill()
        process.wait()
        os.close(pipe)
    assert output.read_text() == "older"


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
    assert not (tmp_path / "public.csv").exists()
