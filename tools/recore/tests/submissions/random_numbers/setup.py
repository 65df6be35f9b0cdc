from setuptools import setup

setup(name="random-numbers", version="1.0", py_modules=["preprocess", "train", "mdl"])
