"""Modules shared by the tests of recore in several folders."""
