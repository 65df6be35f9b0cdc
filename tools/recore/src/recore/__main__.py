"""The entry point of `python -m recore` and of the installed `recore` command."""

import sys

if __name__ == "__main__" and not getattr(sys.flags, "safe_path", False):
    del sys.path[0]  # -m adds the working directory; a submission's numpy.py there would be imported

try:
    from stagemaker.supported import require_supported
except ModuleNotFoundError as error:
    if error.name not in ("stagemaker", "stagemaker.supported"):
        raise
    from recore.distribution import INSTALLED, find_origin, install_command

    command = install_command(find_origin(), "--force-reinstall") if INSTALLED else "make setup"
    sys.exit(f"recore: stagemaker, which runs the jobs, is not installed for {sys.executable}; run `{command}`")

require_supported(
    "recore", "`make setup` here, or `uv venv --python 3.12`, creates an environment with Python 3.12", (3, 12), (3, 12)
)

from stagemaker import interrupts


def start() -> None:
    """Run the command-line interface. If a package is missing, exit with a one-line message."""
    interrupts.end_at_once("recore")
    try:
        from recore.cli import main
    except ModuleNotFoundError as error:
        if (error.name or "recore").partition(".")[0] in ("recore", "stagemaker"):
            raise
        from recore.distribution import INSTALLED, setup_command

        fix = f"run `{setup_command()}`" + ("" if INSTALLED else ", then `. .venv/bin/activate`")
        sys.exit(f"recore: the Python package `{error.name}` is not installed for {sys.executable}; {fix}")
    main()


if __name__ == "__main__":
    start()
