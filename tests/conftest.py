"""Fixtures for all tests: a small sample, a project folder in which the scripts have run, a folder for sockets."""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

# This must happen before numpy is imported. Jobs and containers do not inherit OPENBLAS_CORETYPE, so their kernels
# could differ from those chosen here and round differently.
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)
# On a busy machine the threads of OpenBLAS wait for each other, and a fit takes fifty times as long.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import pandas as pd
import pytest
from recore.dataset.sample_files import Plan, make_sample
from recore_support.example_runs import Runs, make_runs
from recore_support.run_command import make_once
from support import fuzzing  # noqa: F401 - loads hypothesis's profile before tests are decorated
from support.checkout import ONE_THREAD, copy_scripts, run
from support.scripts import reason_of

# Commands started by nohup or in a shell's background ignore these signals, and child processes would inherit that.
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def socket_folder() -> Iterator[Path]:
    """Return a folder for Unix sockets: the paths of pytest's own folders may be too long for them."""
    with tempfile.TemporaryDirectory(prefix="sockets-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return sample data: 10 holes, 424 channels (60 bins of 7, and 4 left over), some assays missing."""
    plan = Plan(rows=400, holes=10, channels=424, seed=7, missing=0.02)
    return make_once(tmp_path_factory, "sample", lambda folder: make_sample(folder, plan))


@pytest.fixture(scope="session")
def public(sample: Path) -> pd.DataFrame:
    """Return the sample's public data as a frame. Copy it before you change it."""
    return pd.read_csv(sample / "public/public.csv.gz", index_col=0, float_precision="round_trip")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Path:
    """Return a project's folder in which the four steps were run by hand without arguments. Do not write to it."""

    def make(folder: Path) -> None:
        copy_scripts(folder)
        shutil.copytree(sample, folder / "data")
        for script in ("train.py", "preprocess.py", "predict.py", "score.py"):
            result = run(script, cwd=folder)
            assert result.returncode == 0, result.stderr
            (folder / f"{script}.log").write_text(result.stdout)

    return make_once(tmp_path_factory, "project", make)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Runs:
    """Return two runs of the pipeline and their reports. Do not write to them."""
    return Runs(make_once(tmp_path_factory, "example runs", lambda folder: make_runs(folder, sample)))


@pytest.fixture
def script_error(tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs a script, which must fail without output, and returns its one error line."""

    def run_script(*command: object, output: Path | None = None) -> str:
        return reason_of(run(*command, cwd=tmp_path, **ONE_THREAD), output)

    return run_script
