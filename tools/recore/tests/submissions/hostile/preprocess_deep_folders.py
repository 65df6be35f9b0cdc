"""Leaves folders that are nested so deeply that their path is longer than the system allows."""

import os

os.chdir(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml") + "/processing/output/preprocess")
for _ in range(3000):
    os.mkdir("deep")
    os.chdir("deep")
