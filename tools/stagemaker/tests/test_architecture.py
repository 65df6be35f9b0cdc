"""docs/architecture.md lists every package, and the files that it mentions exist."""

import re

from stagemaker_support.checkout import ROOT

from stagemaker.protocol.account import ACCOUNT, REGION

SOURCE = ROOT / "src/stagemaker"
PAGE = (ROOT / "docs/architecture.md").read_text("utf-8")


def test_the_table_lists_every_package_once() -> None:
    names = re.findall(r"^\| `(\w+)` \|", PAGE.partition("## The packages\n")[2].partition("\n## ")[0], re.MULTILINE)
    assert sorted(names) == sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))


def test_every_mentioned_file_exists() -> None:
    names = set(re.findall(r"`([\w/]+\.py)`", PAGE))
    assert len(names) > 10
    files = [f"/{path.relative_to(ROOT).as_posix()}" for path in SOURCE.rglob("*.py")]
    assert [name for name in sorted(names) if not any(file.endswith(f"/{name}") for file in files)] == []


def test_the_region_and_the_account_are_defined_once() -> None:
    files = SOURCE.rglob("*.py")
    assert [path.name for path in files if re.search(f"{REGION}|{ACCOUNT}", path.read_text("utf-8"))] == ["account.py"]
