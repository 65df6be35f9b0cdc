"""Leaves a sparse file of 100 GB, which occupies no disk space."""

import os

folder = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml") + "/processing/output/preprocess"
with open(folder + "/sparse", "wb") as file:
    file.truncate(100 << 30)
