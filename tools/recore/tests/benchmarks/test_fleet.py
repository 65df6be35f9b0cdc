"""The fleet model, whose output is quoted on the page for hosts."""

import pytest
from support.checkout import ROOT

from benchmarks import fleet


def test_the_page_has_the_table_that_the_program_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["fleet.py"])
    fleet.main()
    assert capsys.readouterr().out in (ROOT / "docs/hosts.md").read_text("utf-8")


def test_free_slots_are_filled_in_turn() -> None:
    assert fleet.hours(5, 2, training=10, start=0, step=0) == pytest.approx(0.5)  # 3 and 2, one after the other
    assert fleet.hours(5, 9, training=10, start=1, step=2) == pytest.approx((1 + 10 + 3 * 3) / 60)
