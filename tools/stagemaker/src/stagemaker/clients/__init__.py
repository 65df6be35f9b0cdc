"""A folder for PYTHONPATH: its sitecustomize.py lets clients that name an address of AWS call the simulator."""
