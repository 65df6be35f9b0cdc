"""Importing the module raises an exception."""

raise RuntimeError("not to be imported")
