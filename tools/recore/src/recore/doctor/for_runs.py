"""All checks, in the order in which they are shown."""

import sys
from pathlib import Path

from recore.distribution import INSTALLED, PACKAGES, TEMPLATE, setup_command
from recore.doctor import files
from stagemaker.doctor import NOTE, OK, Check, check_container_packages, check_disk, check_program, install_command
from stagemaker.doctor import check_up as check_up_for_jobs

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def check_up() -> list[Check]:
    """Carry out all checks. Data and runs are looked for in the working directory."""
    python, *others = check_up_for_jobs(setup_command, PACKAGES)
    return [
        _check_environment(python),
        check_container_packages(setup_command),
        *others,
        _check_runs_disk(Path("runs")),
        _check_browser(),
        files.check_data(Path("data")),
        files.check_credentials(),
    ]


def _check_environment(python: Check) -> Check:
    """The check of Python, and in a checkout whether it is that of the environment that `make` uses."""
    if not INSTALLED and Path(sys.prefix).resolve() != TEMPLATE.joinpath(".venv").resolve():
        cost = "Package versions may differ from those that are tested together."
        result = f"{python.result}, not the environment that `make` uses"
        return Check(python.name, NOTE, result, cost, "make setup; then . .venv/bin/activate")
    return python


def _check_runs_disk(folder: Path) -> Check:
    """Whether runs can be kept: `folder`, or its closest parent that exists, is writable and has free space."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return check_disk("disk", existing, f"Runs are kept in {folder.name}/.", "free some space, or choose another --out")


def _check_browser() -> Check:
    """Whether Chromium starts."""
    cost = "Without it the tests that open reports in a browser are skipped."
    name, output = check_program(BROWSERS, "--version")
    if output is not None:
        return Check("browser", OK, " ".join(output.split()) or name)
    result = f"{name} does not start" if name else "no Chromium or Chrome"
    return Check("browser", NOTE, result, cost, install_command("chromium"))
