"""Leaves symbolic links to each other and to their own folder, and a named pipe."""

import os

os.chdir(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml") + "/processing/output/preprocess")
os.symlink("b", "a")
os.symlink("a", "b")
os.symlink(".", "here")
os.mkfifo("fifo")
