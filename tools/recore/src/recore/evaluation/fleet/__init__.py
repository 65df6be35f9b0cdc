"""A round of submissions as jobs on AWS: roles, packages, costs, and what an earlier call left running."""
