"""The version in an XGBoost image's tag, on which the behaviour of the image's programs depends."""

import os
import re

VERSION = re.compile(r"(\d+)\.(\d+)(?:-(\d+))?")  # at the beginning of a tag, such as 1.7-1


def is_before(*version: int) -> bool:
    """Return whether the image's version is known and earlier than a given one: `is_before(1, 3)`."""
    match = VERSION.match(os.environ.get("XGBOOST_IMAGE_VERSION", ""))
    return match is not None and tuple(map(int, match.groups(default="0"))) < version
