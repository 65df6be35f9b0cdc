"""`python -m recore`."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the working directory, which -m puts there: a submission's numpy.py in it would be run

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
