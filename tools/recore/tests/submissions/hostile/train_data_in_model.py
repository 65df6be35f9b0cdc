"""Packs all files that it can find below /opt/ml into its model, and prints their names."""

import os
import shutil

base = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
for folder, _, files in os.walk(base):
    for name in files:
        print(folder, name)
        if "model" not in folder and name.endswith(".gz"):
            shutil.copy(os.path.join(folder, name), os.environ["SM_MODEL_DIR"])
