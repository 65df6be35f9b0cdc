"""`python -m recore`."""

import sys

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
