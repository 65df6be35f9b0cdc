"""`python -m recore`."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the working directory, which -m puts there: a submission's numpy.py in it would be run

if sys.platform == "win32":  # files are locked and jobs are stopped in ways that Windows does not have
    print(
        "recore: Windows is not supported: use Linux, macOS, or Windows with WSL 2, which `wsl --install` in "
        "PowerShell installs; docs/doctor.md lists the steps",
        file=sys.stderr,
    )
    sys.exit(2)

from recore import interrupts

interrupts.end_at_once()
try:
    from recore.cli import main
except ModuleNotFoundError as error:
    if (error.name or "recore").partition(".")[0] == "recore":
        raise
    sys.exit(
        f"recore: the Python package `{error.name}` is not installed for {sys.executable}: run `make setup`, "
        "then `. .venv/bin/activate`"
    )

main()
