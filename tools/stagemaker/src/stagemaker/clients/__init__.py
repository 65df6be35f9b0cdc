"""A folder for PYTHONPATH: its sitecustomize.py redirects clients with an explicit AWS address to the simulator."""
