"""Packs all files that it can find below /opt/ml into its model, and prints their names."""

import os
import shutil

base = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
for place, _, files in os.walk(base):
    for name in files:
        print(place, name)
        if "model" not in place and name.endswith(".gz"):
            shutil.copy(os.path.join(place, name), os.environ["SM_MODEL_DIR"])
