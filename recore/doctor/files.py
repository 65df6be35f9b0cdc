"""Data files, and whether credentials of AWS are configured. Nothing is read of what they hold."""

import os
from pathlib import Path

from recore.doctor.check import NOTE, OK, Check

DATA = ("public/public.csv.gz", "private/private.csv.gz", "private/actual.csv.gz")
VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


def data(folder: Path) -> Check:
    """Which of the data files are where `run` looks for them."""
    missing = [name for name in DATA if not (folder / name).is_file()]
    if not missing:
        return Check("data", OK, f"public, private and assays of private in {folder.name}/")
    if DATA[0] in missing:
        cost = "`recore run` needs --public FILE."
        return Check("data", NOTE, f"no {folder.name}/{DATA[0]}", cost, "python -m recore sample --out data")
    names = " and ".join(f"{folder.name}/{name}" for name in missing)
    return Check("data", NOTE, f"no {names}", "There is no private score.", "python -m recore sample makes all three")


def credentials() -> Check:
    """Whether credentials of AWS are configured; they are not tried."""
    found = [name for name in VARIABLES if os.environ.get(name)]
    if os.environ.get("AWS_ENDPOINT_URL"):
        found.append("AWS_ENDPOINT_URL, where `run` sends its requests")
    default = Path.home() / ".aws"
    for variable, name in (("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_CONFIG_FILE", "config")):
        path = Path(os.environ.get(variable) or default / name).expanduser()
        if path.is_file():
            found.append(str(path))
    if found:
        return Check("AWS", OK, f"configured, not tried: {', '.join(found)}")
    cost = "Without them `recore run --engine aws` does not work."
    return Check("AWS", NOTE, "no credentials are configured", cost, "aws configure")
