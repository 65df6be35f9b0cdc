"""What travels with a submission: `unearthed build` packs the modules named here, and what MANIFEST.in adds.

Read by Python 3.8 with setuptools alone, so nothing else may be imported here. Have you split train.py into
several files? Name each of them below, or the upload will not import. score.py is the host's and stays here.
"""

from setuptools import setup

setup(
    name="recore-submission",
    version="1.0",
    py_modules=["preprocess", "train", "assays", "features", "fitting", "ridge", "serving"],
    license_files=[],
)
