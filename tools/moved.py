"""The answer to `pip install` of the repository's root, where recore was until version 1.0: it is in this folder."""

import sys


def build_wheel(*_: object, **__: object) -> str:
    """End the installation with one line."""
    sys.exit('recore is in the folder tools/: pip install ./tools, or pip install "git+ADDRESS#subdirectory=tools"')


get_requires_for_build_wheel = build_editable = get_requires_for_build_editable = build_wheel
build_sdist = get_requires_for_build_sdist = build_wheel
