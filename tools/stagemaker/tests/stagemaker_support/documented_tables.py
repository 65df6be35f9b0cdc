"""Check the tables in tools/stagemaker/docs/operations.md, which are generated from the simulator."""

from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/operations.md"


def assert_documented(table: str) -> None:
    assert f"\n\n{table}\n\n" in PAGE.read_text("utf-8"), f"{PAGE} is out of date: the table should be\n{table}"
