"""Run a command as if the machine had a long temporary path but no sandbox, Docker engine or browser.

    python tools/recore/tests/recore_support/bare_machine.py COMMAND [ARGUMENT...]

The missing programs are replaced with programs that fail. TMPDIR is longer than 107 bytes and contains spaces and
non-ASCII letters. The exit status is the command's.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

HIDDEN_PROGRAMS = ["bwrap", "docker", "chromium", "chromium-browser", "google-chrome"]
FAILING = '#!/bin/sh\necho "${0##*/} does not work here" >&2\nexit 127\n'


def main(command: list[str]) -> int:
    """Run the command and return its exit status."""
    if not command:
        sys.exit("usage: python tools/recore/tests/recore_support/bare_machine.py COMMAND [ARGUMENT...]")
    with tempfile.TemporaryDirectory(prefix="bare-", ignore_cleanup_errors=True) as folder:
        programs, temporary = Path(folder, "bin"), Path(folder, f"a temporary folder, für Vorläufiges, {'long' * 24}")
        programs.mkdir()
        temporary.mkdir()
        for name in HIDDEN_PROGRAMS:
            (programs / name).write_text(FAILING)
            (programs / name).chmod(0o755)
        variables = {
            "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
            "TMPDIR": str(temporary),
            "DOCKER_HOST": f"unix://{folder}/nobody-listens",
        }
        return subprocess.run(command, env=os.environ | variables, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
