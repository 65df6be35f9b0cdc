"""The version in an XGBoost image's tag, on which the behaviour of the image's own programs depends."""

import os
import re

VERSION = re.compile(r"(\d+)\.(\d+)(?:-(\d+))?")  # at the beginning of a tag, such as 1.7-1


def is_before(*version: int) -> bool:
    """Return whether the image's version is earlier than the given one, or False if the image's tag has no version.

    version: the version's numbers: `is_before(1, 3)` for 1.3, `is_before(1, 2, 2)` for 1.2-2.
    """
    match = VERSION.match(os.environ.get("XGBOOST_IMAGE_VERSION", ""))
    return match is not None and tuple(map(int, match.groups(default="0"))) < version
