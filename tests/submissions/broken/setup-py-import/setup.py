import numpy
from setuptools import setup

setup(name="mine", version=numpy.__version__, py_modules=["preprocess", "train"])
