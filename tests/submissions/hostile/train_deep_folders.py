"""Leaves folders within folders, deeper than a path may be long."""

import os

os.chdir(os.environ["SM_MODEL_DIR"])
for _ in range(3000):
    os.mkdir("deep")
    os.chdir("deep")
