"""axe-core, which finds accessibility barriers on a page. npm installs it once per machine."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

VERSION = "4.14.1"
FOLDER = Path.home() / f".cache/recore/axe-core-{VERSION}"
SERIOUS_IMPACTS = ("serious", "critical")


def find_axe() -> str:
    """Return axe-core's script, or skip the test with a reason if axe-core cannot be installed."""
    script = FOLDER / "node_modules/axe-core/axe.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        if not npm:
            pytest.skip("npm is not installed, so axe-core is not there")
        FOLDER.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER.parent) as folder:  # several workers may install it at once
            command = [npm, "install", "--no-audit", "--no-fund", "--prefix", folder, f"axe-core@{VERSION}"]
            result = subprocess.run(command, capture_output=True, text=True, timeout=300)
            if result.returncode:
                pytest.skip(f"npm could not install axe-core: {result.stderr.strip().splitlines()[-1:]}")
            shutil.copytree(folder, FOLDER, dirs_exist_ok=True)
    return script.read_text("utf-8")


def find_barriers(tab: Any) -> list[str]:
    """Return the serious and critical barriers that axe-core finds on a Playwright page."""
    tab.evaluate(find_axe() + "; null")
    results = tab.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['impact']}: {violation['help']}: {node['html'][:200]}"
        for violation in results["violations"]
        if violation["impact"] in SERIOUS_IMPACTS
        for node in violation["nodes"]
    ]
