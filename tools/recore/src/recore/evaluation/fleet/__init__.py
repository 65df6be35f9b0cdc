"""A round of submissions as jobs on AWS: roles, packages, costs, and clean-up after a killed command."""
