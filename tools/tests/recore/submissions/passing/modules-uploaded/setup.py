from setuptools import setup

setup(name="mine", py_modules=["preprocess", "train", "mdl"])
