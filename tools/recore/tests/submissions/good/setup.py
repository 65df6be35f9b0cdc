from setuptools import setup

setup(name="good", py_modules=["preprocess", "train"])
