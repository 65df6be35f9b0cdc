"""Generate the rules in docs/check-rules.md from the rules' docstrings. After changing a rule, run:

python tools/recore/tests/recore_support/check_page.py
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
sys.path.insert(0, str(ROOT))

from recore.check.catalogue import load_catalogue
from recore.check.documentation import BEGIN, describe_rules

PAGE = ROOT / "docs/check-rules.md"


def page() -> str:
    """Return the page as it should be: its existing introduction, followed by the current rules."""
    return PAGE.read_text("utf-8").partition(BEGIN)[0] + describe_rules(load_catalogue())


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
