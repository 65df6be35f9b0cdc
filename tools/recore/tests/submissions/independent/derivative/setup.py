import setuptools

setuptools.setup(name="derivative", py_modules=["preprocess", "train"], version="2", license_files=[])
