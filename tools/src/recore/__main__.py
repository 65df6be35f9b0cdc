"""`python -m recore`, and the `recore` command of an installed package."""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # the working directory, which -m puts there: a submission's numpy.py in it would be run

if sys.platform == "win32":  # files are locked and jobs are stopped in ways that Windows does not have
    print(
        "recore: Windows is not supported: use Linux, macOS, or Windows with WSL 2, which `wsl --install` in "
        "PowerShell installs; docs/doctor.md lists the steps",
        file=sys.stderr,
    )
    sys.exit(2)

from stagemaker import interrupts


def start() -> None:
    """Run the command line. A package that is missing is reported in one line."""
    interrupts.end_at_once("recore")
    try:
        from recore.cli import main
    except ModuleNotFoundError as error:
        if (error.name or "recore").partition(".")[0] in ("recore", "stagemaker"):
            raise
        from recore.distribution import INSTALLED, setup_command

        remedy = f"run `{setup_command()}`" + ("" if INSTALLED else ", then `. .venv/bin/activate`")
        sys.exit(f"recore: the Python package `{error.name}` is not installed for {sys.executable}: {remedy}")
    main()


if __name__ == "__main__":
    start()
