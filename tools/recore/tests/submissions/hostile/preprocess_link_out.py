"""Replaces its output with a symbolic link to one of the host's files."""

import os

os.chdir(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml") + "/processing/output/preprocess")
os.remove("public.csv")
os.symlink("ACTUAL", "public.csv")
