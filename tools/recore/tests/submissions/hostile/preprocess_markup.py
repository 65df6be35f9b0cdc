"""Writes an output whose name contains markup, quotes and an encoded path."""

import os

folder = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml") + "/processing/output/preprocess"
open(folder + "/<Key>&amp;\"'?x=1#..;%2F", "w").close()
