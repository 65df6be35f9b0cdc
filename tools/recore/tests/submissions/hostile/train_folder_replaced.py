"""Replaces the model's folder with a symbolic link."""

import os
import shutil

folder = os.environ["SM_MODEL_DIR"]
shutil.rmtree(folder, ignore_errors=True)
if os.path.isdir(folder):  # it is a mount
    for name in os.listdir(folder):
        os.remove(folder + "/" + name)
else:
    os.symlink("/etc", folder)
