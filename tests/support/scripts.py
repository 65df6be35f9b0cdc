"""Run the submission's scripts in this process as `python SCRIPT` would, but with libraries already imported.

Behaviour that needs a separate process, such as signals, is tested with `run` in support/checkout.py.
"""

import contextlib
import importlib
import io
import os
import runpy
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from support.checkout import ROOT, SCRIPTS, environment


def run_here(script: Path, *arguments: object, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder, with additional environment variables, and return its exit status and output."""
    command = [str(script), *map(str, arguments)]
    out, err = io.StringIO(), io.StringIO()
    with (
        modules_of(script.parent),
        mock.patch.object(sys, "argv", command),
        mock.patch.dict(os.environ, environment() | variables, clear=True),
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        status = exit_status(script)
    return subprocess.CompletedProcess(command, status, out.getvalue(), err.getvalue())


def exit_status(script: Path) -> int:
    """Run a script as the interpreter does, print sys.exit()'s message or a traceback, and return the exit status."""
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except Exception:
        traceback.print_exc()
        return 1
    return 0


@contextlib.contextmanager
def modules_of(folder: Path) -> Iterator[None]:
    """Within the context, import modules from a submission's folder. Then restore earlier modules of the same names."""
    checkout_paths = {str(ROOT), str(ROOT / "tests"), ""}
    names = {path.stem for path in folder.glob("*.py")} | {Path(name).stem for name in SCRIPTS}

    def list_loaded() -> list[str]:
        return [name for name in sys.modules if name.partition(".")[0] in names]

    saved_modules = {name: sys.modules.pop(name) for name in list_loaded()}
    path = [str(folder), *(entry for entry in sys.path if entry not in checkout_paths)]
    # A compiled module would be used even if its source was rewritten within a second with the same length.
    no_cache = mock.patch.object(sys, "dont_write_bytecode", True)
    importlib.invalidate_caches()
    try:
        with mock.patch.object(sys, "path", path), no_cache:
            yield
    finally:
        for name in list_loaded():
            del sys.modules[name]
        sys.modules.update(saved_modules)


def reason_of(result: subprocess.CompletedProcess[str], output: Path | None = None) -> str:
    """Return the only line on stderr of a script that failed, and check that the script wrote no output."""
    assert result.returncode == 1, result.stdout + result.stderr
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert output is None or not list(output.parent.glob(output.name + "*"))
    return result.stderr
