"""Not uploaded: setup.py excludes it."""
