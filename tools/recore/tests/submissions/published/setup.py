from setuptools import find_packages, setup

setup(
    name="published",
    version="1",
    py_modules=["preprocess", "train", "regressor"],
    packages=find_packages(exclude=["*.tests", "*.tests.*", "tests.*", "tests"]),
)
