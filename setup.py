"""Which files are uploaded: `unearthed build` packs the modules named here and the files that MANIFEST.in adds.

Python 3.8 reads this file with setuptools alone, so nothing else may be imported here. If you split train.py into
several files, name each of them below; otherwise the upload cannot import them. score.py is the host's and stays here.
"""

from setuptools import setup

setup(
    name="recore-submission",
    version="1.0",
    py_modules=["preprocess", "train", "assays", "features", "fitting", "ridge", "serving"],
    license_files=[],
)
