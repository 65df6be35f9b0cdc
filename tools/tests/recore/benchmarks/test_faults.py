"""benchmarks/faults.py: each fault in its list can be injected into the current source."""

from collections import Counter

import pytest
from support.checkout import ROOT

from benchmarks.fault_list import AREAS, FAULTS, Fault
from benchmarks.fault_measuring import edited


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_fault_changes_one_line(fault: Fault) -> None:
    before = (ROOT / fault.file).read_text("utf-8")
    after = edited(before, fault)
    pairs = zip(before.splitlines(), after.splitlines(), strict=True)
    assert [(old.strip(), new.strip()) for old, new in pairs if old != new] == [(fault.old, fault.new)]


def test_a_line_that_occurs_twice_or_does_not_compile_is_refused() -> None:
    fault = Fault("dataset", "a fault", "a.py", "pass", "return (")
    with pytest.raises(ValueError, match="2 times"):
        edited("if a:\n    pass\nelse:\n    pass\n", fault)
    with pytest.raises(ValueError, match="does not compile"):
        edited("def a():\n    pass\n", fault)


def test_every_area_has_enough_faults() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 40
    faults = Counter(fault.area for fault in FAULTS)
    assert faults.keys() == AREAS.keys()
    assert min(faults.values()) >= 2


def test_every_area_has_tests() -> None:
    for area, paths in AREAS.items():
        missing = [path for path in paths if not (ROOT / path).exists()]
        assert not missing, area
