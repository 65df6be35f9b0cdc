import os

import setuptools

with open(os.path.join(os.path.dirname(__file__), "README.md")) as file:
    README = file.read()

setuptools.setup(
    name="mine",
    long_description=README,
    py_modules=(
        "preprocess",
        "train",
    ),
)
