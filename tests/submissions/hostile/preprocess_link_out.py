"""Replaces its output with a link to a file of the host."""

import os

os.chdir(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml") + "/processing/output/preprocess")
os.remove("public.csv")
os.symlink("ACTUAL", "public.csv")
