"""List the files to upload: `unearthed build` packs the modules below and the files that MANIFEST.in adds.

Python 3.8 runs this file with only setuptools installed, so import nothing else here. If you add a module, list it in
py_modules; otherwise it is not uploaded. score.py belongs to the host and is not uploaded.
"""

from setuptools import setup

setup(name="recore-submission", version="1.0", py_modules=["train", "preprocess", "estimators"], license_files=[])
