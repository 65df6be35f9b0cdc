from pathlib import Path

from setuptools import setup

if not Path("/home/me/project").exists():
    raise SystemExit("setup.py: run me at home")

setup(name="sound", version="1", py_modules=["preprocess", "train", "linear"], license_files=[])
