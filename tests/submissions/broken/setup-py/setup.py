from setuptools import find_packages, setup

setup(name="mine", py_modules=["preprocess", "train"], packages=find_packages())
