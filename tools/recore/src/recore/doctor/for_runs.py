"""All checks, in the order in which they are displayed."""

import os
import sys
from pathlib import Path

from recore.distribution import INSTALLED, PACKAGES, PROGRAM, TEMPLATE, setup_command
from stagemaker.doctor import NOTE, OK, Check, check_container_packages, check_disk, install_command, run_program
from stagemaker.doctor import check_up as check_up_for_jobs

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
DATA = ("public/public.csv.gz", "private/private.csv.gz", "private/actual.csv.gz")
VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


def check_up() -> list[Check]:
    """Run all checks, and return their results. Data and runs are expected in the working directory."""
    python, *others = check_up_for_jobs(setup_command, PACKAGES)
    return [
        _check_environment(python),
        check_container_packages(setup_command),
        *others,
        _check_runs_disk(Path("runs")),
        _check_browser(),
        check_data(Path("data")),
        check_credentials(),
    ]


def _check_environment(python: Check) -> Check:
    if not INSTALLED and Path(sys.prefix).resolve() != TEMPLATE.joinpath(".venv").resolve():
        cost = "Package versions may differ from the tested versions."
        result = f"{python.result}, not the environment that `make` uses"
        return Check(python.name, NOTE, result, cost, "make setup; then . .venv/bin/activate")
    return python


def _check_runs_disk(folder: Path) -> Check:
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return check_disk("disk", existing, f"Runs are saved in {folder.name}/.", "free some space or choose another --out")


def _check_browser() -> Check:
    cost = "Without it, tests that open reports in a browser are skipped."
    name, output = run_program(BROWSERS, "--version")
    if output is not None:
        return Check("browser", OK, " ".join(output.split()) or name)
    result = f"{name} does not start" if name else "no Chromium or Chrome"
    return Check("browser", NOTE, result, cost, install_command("chromium"))


def check_data(folder: Path) -> Check:
    missing = [name for name in DATA if not (folder / name).is_file()]
    if not missing:
        return Check("data", OK, f"public and private data and private assays in {folder.name}/")
    if DATA[0] in missing:
        cost = "`recore run` needs --public FILE."
        return Check("data", NOTE, f"no {folder.name}/{DATA[0]}", cost, f"{PROGRAM} sample --out data")
    names = " and ".join(f"{folder.name}/{name}" for name in missing)
    return Check("data", NOTE, f"no {names}", "Runs have no private score.", f"{PROGRAM} sample creates all three")


def check_credentials() -> Check:
    """Check whether AWS credentials are configured, without using them."""
    configured = [name for name in VARIABLES if os.environ.get(name)]
    if os.environ.get("AWS_ENDPOINT_URL"):
        configured.append("AWS_ENDPOINT_URL, to which `run` sends its requests")
    default = Path.home() / ".aws"
    for variable, name in (("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_CONFIG_FILE", "config")):
        path = Path(os.environ.get(variable) or default / name).expanduser()
        if path.is_file():
            configured.append(str(path))
    if configured:
        return Check("AWS", OK, f"configured, but not tested: {', '.join(configured)}")
    cost = "Without them, `recore run --engine aws` does not work."
    return Check("AWS", NOTE, "no credentials are configured", cost, "aws configure")
