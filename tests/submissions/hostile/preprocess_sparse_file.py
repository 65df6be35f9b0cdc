"""Leaves a file of 100 GB that occupies nothing."""

import os

folder = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml") + "/processing/output/preprocess"
with open(folder + "/sparse", "wb") as file:
    file.truncate(100 << 30)
