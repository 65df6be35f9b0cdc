"""Leaves symbolic links to endless devices, and tries to create its own device."""

import os
import stat

data = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml") + "/output/data"
os.makedirs(data, exist_ok=True)
for folder in (os.environ["SM_MODEL_DIR"], data):
    for name in ("zero", "stdin"):
        os.symlink(f"/dev/{name}", f"{folder}/{name}")
    try:
        os.mknod(f"{folder}/device", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        print("a device was made")
    except OSError as error:
        print(error)
