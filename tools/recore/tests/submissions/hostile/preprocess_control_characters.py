"""Writes an output whose name contains control characters. XML and HTTP cannot carry them."""

import os

folder = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml") + "/processing/output/preprocess"
open(folder + "/a\x01\x1b[31m\nb", "w").close()
