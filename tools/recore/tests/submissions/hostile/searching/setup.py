from setuptools import setup

setup(name="hostile", py_modules=["preprocess", "train"])
