"""Entry point of `stagemaker` and `python -m stagemaker`."""

import sys

if __name__ == "__main__" and not getattr(sys.flags, "safe_path", False):
    del sys.path[0]  # the working directory, added by -m: a numpy.py in it would be imported

from stagemaker.supported import require_supported

require_supported("stagemaker", "`uv venv --python 3.12` creates an environment for it")

from stagemaker import interrupts


def run() -> None:
    """Run the command line; report a missing package in one line."""
    interrupts.end_at_once("stagemaker")
    try:
        from stagemaker import cli
    except ModuleNotFoundError as error:
        if (error.name or "stagemaker").partition(".")[0] == "stagemaker":
            raise
        from stagemaker.installation import pip_command

        fix = pip_command(str(error.name))
        sys.exit(f"stagemaker: the Python package `{error.name}` is not installed for {sys.executable}: {fix}")
    sys.exit(cli.run())


if __name__ == "__main__":
    run()
