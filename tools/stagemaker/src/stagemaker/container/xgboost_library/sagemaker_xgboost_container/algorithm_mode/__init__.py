"""The built-in algorithm, which needs no script."""
