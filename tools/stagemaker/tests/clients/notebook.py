"""Run the code cells of a notebook in IPython, in order: `python notebook.py FILE [NUMBER=CODE ...]`.

NUMBER=CODE replaces the code of a cell; all cells are numbered from 0. The run ends at the first cell that fails.
"""

import json
import sys
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell


class Shell(InteractiveShell):
    """IPython without a graphical interface."""

    def enable_gui(self, gui: str | None = None) -> None:
        """Accept `%matplotlib inline`."""


def main(path: str, *replacements: str) -> int | str:
    new_code = dict(replacement.split("=", 1) for replacement in replacements)
    cells = json.loads(Path(path).read_text("utf-8"))["cells"]
    sys.path[0] = ""  # so that modules next to the notebook can be imported, as in Jupyter
    shell = Shell.instance()
    for index, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            print(f"cell {index}", flush=True)
            code = new_code.get(str(index), "".join(cell["source"]))
            if not shell.run_cell(code, store_history=True).success:
                return f"cell {index} failed"
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
