"""Puts links to the host's files in the place of its outputs."""

import os

os.chdir(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml") + "/processing/output/preprocess")
os.remove("public.csv")
os.symlink("ACTUAL", "public.csv")
