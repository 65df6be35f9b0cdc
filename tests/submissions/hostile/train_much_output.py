"""Prints 100 MB, a part of it without an end of line."""

import sys

for _ in range(100):
    sys.stdout.write("x" * 500_000 + "line\n" * 100_000)
