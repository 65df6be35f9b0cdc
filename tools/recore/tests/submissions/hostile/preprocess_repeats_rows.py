"""Writes every row twice."""

import os

path = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml") + "/processing/output/preprocess/public.csv"
header, *lines = open(path).readlines()
open(path, "w").writelines([header, *lines, *lines])
