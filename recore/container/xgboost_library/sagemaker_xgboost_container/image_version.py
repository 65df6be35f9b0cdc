"""The version of XGBoost that an image names. The image's own programs changed with it, and this follows them."""

import os
import re

VERSION = re.compile(r"(\d+)\.(\d+)(?:-(\d+))?")  # such as 1.7-1, which is the beginning of a tag


def is_before(*version: int) -> bool:
    """Whether the image names an earlier version than this one, such as 1, 3, or 1, 2, 2 for 1.2-2.

    False if it names none.
    """
    named = VERSION.match(os.environ.get("XGBOOST_IMAGE_VERSION", ""))
    return named is not None and tuple(map(int, named.groups(default="0"))) < version
