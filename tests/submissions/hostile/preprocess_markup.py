"""Names an output with markup, quotes and a path within it."""

import os

folder = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml") + "/processing/output/preprocess"
open(folder + "/<Key>&amp;\"'?x=1#..;%2F", "w").close()
