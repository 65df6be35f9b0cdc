"""The version of XGBoost that an image names. The image's own programs changed with it, and this follows them."""

import os


def is_before(*version: int) -> bool:
    """Whether the image names an earlier version than this one, such as 1, 3; False if it names none."""
    named = os.environ.get("XGBOOST_IMAGE_VERSION", "")
    return bool(named) and tuple(map(int, named.split("."))) < version
