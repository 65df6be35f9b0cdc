"""Prints 100 MB, half of it without line ends."""

import sys

for _ in range(100):
    sys.stdout.write("x" * 500_000 + "line\n" * 100_000)
