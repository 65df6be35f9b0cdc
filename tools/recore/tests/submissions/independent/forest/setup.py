from setuptools import setup

setup(name="forest", version="0.3", py_modules=["train", "preprocess", "columns"], license_files=[])
