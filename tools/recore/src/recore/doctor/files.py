"""Checks of data files and AWS credentials. Only their existence is checked; nothing is read from them."""

import os
from pathlib import Path

from recore.distribution import PROGRAM
from stagemaker.doctor import NOTE, OK, Check

DATA = ("public/public.csv.gz", "private/private.csv.gz", "private/actual.csv.gz")
VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


def check_data(folder: Path) -> Check:
    """Which of the data files are where `run` looks for them."""
    missing = [name for name in DATA if not (folder / name).is_file()]
    if not missing:
        return Check("data", OK, f"public and private data and private assays in {folder.name}/")
    if DATA[0] in missing:
        cost = "`recore run` needs --public FILE."
        return Check("data", NOTE, f"no {folder.name}/{DATA[0]}", cost, f"{PROGRAM} sample --out data")
    names = " and ".join(f"{folder.name}/{name}" for name in missing)
    return Check("data", NOTE, f"no {names}", "There is no private score.", f"{PROGRAM} sample creates all three")


def check_credentials() -> Check:
    """Whether AWS credentials are configured; they are not used."""
    configured = [name for name in VARIABLES if os.environ.get(name)]
    if os.environ.get("AWS_ENDPOINT_URL"):
        configured.append("AWS_ENDPOINT_URL, where `run` sends its requests")
    default = Path.home() / ".aws"
    for variable, name in (("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_CONFIG_FILE", "config")):
        path = Path(os.environ.get(variable) or default / name).expanduser()
        if path.is_file():
            configured.append(str(path))
    if configured:
        return Check("AWS", OK, f"configured, not tried: {', '.join(configured)}")
    cost = "Without them `recore run --engine aws` does not work."
    return Check("AWS", NOTE, "no credentials are configured", cost, "aws configure")
