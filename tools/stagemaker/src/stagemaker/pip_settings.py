"""pip's settings, from its configuration files and environment variables. Uses only the standard library."""

import ast
import re
import subprocess
from collections.abc import Sequence

from stagemaker.program_variables import program_variables


def read_pip_settings(pip: Sequence[str]) -> dict[str, str]:
    """Return the options that pip's configuration files and environment variables set. pip: pip's command."""
    settings: dict[str, str] = {}
    command = [*pip, "config", "list"]
    lines = subprocess.run(command, env=program_variables(), stdout=subprocess.PIPE, text=True).stdout.splitlines()
    matches = [match for line in lines if (match := re.fullmatch(r"(global|install|:env:)\.([\w-]+)=(.*)", line))]
    for section in ("global", "install", ":env:"):  # as for pip, the later one counts
        settings |= {match[2]: str(ast.literal_eval(match[3])) for match in matches if match[1] == section}
    return settings
