"""Which files are uploaded: `unearthed build` packs what is named here and the files that MANIFEST.in adds.

Python 3.8 reads this file with setuptools alone, so nothing else may be imported here. If you add a module of your own,
name it in py_modules; otherwise the upload cannot import it. score.py is the host's and stays here.
"""

from setuptools import setup

setup(
    name="recore-submission",
    version="1.0",
    py_modules=["train", "preprocess", "estimators"],
    license_files=[],
)
