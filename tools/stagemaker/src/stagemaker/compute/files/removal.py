"""Remove jobs' folders."""

import contextlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from stagemaker.program_variables import program_variables


def remove(folder: Path, raise_if_stopping: Callable[[], None] = lambda: None) -> None:
    """Remove a folder, even if it is nested very deeply or a job has removed permissions from it.

    Run rm and chmod, which keep few files open at any depth, because all jobs share the limit on open files.
    """
    for command in (["rm", "-rf"], ["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
        if not os.path.lexists(folder):
            return
        command = [*command, "--", str(folder)]
        with subprocess.Popen(command, env=program_variables(), stderr=subprocess.DEVNULL) as process:
            try:
                raise_if_stopping()
                while process.poll() is None:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(0.2)
                    raise_if_stopping()
            except BaseException:
                process.kill()
                raise
