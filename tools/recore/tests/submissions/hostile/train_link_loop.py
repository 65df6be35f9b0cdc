"""Leaves symbolic links to each other and to their own folder."""

import os

folder = os.environ["SM_MODEL_DIR"]
os.symlink("b", folder + "/a")
os.symlink("a", folder + "/b")
os.symlink(".", folder + "/here")
