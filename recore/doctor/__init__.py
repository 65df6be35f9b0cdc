"""Checks whether a machine has what `recore` needs. One kind of check is one file.

The package uses only the standard library, so that it works in an incomplete environment.
"""
