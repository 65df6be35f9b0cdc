"""Modules that recore's tests in several folders share."""
