from setuptools import setup

setup(
    name="mine",
    py_modules=["train"],
)
