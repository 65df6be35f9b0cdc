from setuptools import setup

setup(name="fourier-features", version="1.0.0", py_modules=["preprocess", "train", "fourier"], license_files=[])
