"""Versions of a two-container model, the pipeline that makes them, and an endpoint that serves them.

Other packages import its modules one by one, so that a command that only lists does not load pandas, scipy or pyarrow.
"""
