import sys

from setuptools import setup

match sys.version_info[0]:
    case 3:
        setup(name="mine", py_modules=["preprocess", "train"])
