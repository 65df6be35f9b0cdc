"""Fails with escape sequences, markup and control characters in its message and in the failure file."""

import os
import sys

words = "\x1b]0;owned\x07\x1b[2J\x1b[31m[bold]<script>alert(1)</script>[/bold]\x00\r\n\x9b31m\u202e"
print(words, file=sys.stderr)
folder = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml") + "/output"
open(folder + "/failure", "w").write(words)
raise ValueError(words)
