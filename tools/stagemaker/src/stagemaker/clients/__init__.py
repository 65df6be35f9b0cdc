"""A folder for PYTHONPATH. Its sitecustomize.py redirects STS clients with an explicit AWS address to the simulator."""
