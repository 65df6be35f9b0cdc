"""Removes all permissions from the files that it leaves."""

import os

folder = os.environ["SM_MODEL_DIR"]
os.mkdir(folder + "/closed")
open(folder + "/closed/file", "w").close()
os.chmod(folder + "/closed/file", 0)
os.chmod(folder + "/closed", 0)
