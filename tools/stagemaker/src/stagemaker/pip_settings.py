"""pip's settings, from its configuration files and environment variables. Uses only the standard library."""

import ast
import re
import subprocess
from collections.abc import Sequence

from stagemaker.program_variables import program_variables


def read_pip_settings(pip: Sequence[str]) -> dict[str, str]:
    """Return the options that pip's configuration files and environment variables set. pip: pip's command."""
    output = subprocess.run([*pip, "config", "list"], env=program_variables(), stdout=subprocess.PIPE, text=True).stdout
    values = re.findall(r"^(global|install|:env:)\.([\w-]+)=(.*)$", output, re.MULTILINE)
    sections = ("global", "install", ":env:")  # as for pip, the later one counts
    return {
        name: str(ast.literal_eval(value)) for each in sections for section, name, value in values if section == each
    }
