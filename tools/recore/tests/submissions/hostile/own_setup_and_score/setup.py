"""Runs code when the host reads it."""

from setuptools import setup

open("OUTSIDE/written", "w").write("written")
setup(name="tiny", version="1", py_modules=["train", "preprocess"])
