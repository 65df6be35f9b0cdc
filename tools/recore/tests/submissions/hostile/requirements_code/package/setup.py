"""Runs code when it is built."""

import socket

from setuptools import setup

open("OUTSIDE/written", "w").write("written")
socket.create_connection(("127.0.0.1", int("PORT")), timeout=1)
setup(name="package", version="1", py_modules=[])
