from setuptools import setup

setup(name="sound", version="1", py_modules=["preprocess", "train", "linear"], license_files=[])
