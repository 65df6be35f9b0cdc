import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import preprocess
import pytest
import score
from recore_support.schema import CHALLENGE, HOLE, IDS, TARGETS
from support.checkout import ROOT
from support.data_files import write_gz

from recore import schema
from recore.data_file import read_header
from recore.dataset.grids import grid_of_file
from recore.evaluation.data import DataFiles
from recore.spectral_data import read_data

CHANNELS = [f"{4000 - 2 * index}.5" for index in range(10)]
HEADER = ["index", *IDS, *CHANNELS]
NAMES = {
    "3997.4": True,
    "3997": True,
    "0": True,
    "0001234.50": True,
    "\u0663": True,  # an Arabic digit, which preprocess.py reads as 3
    "1e3": False,
    "NaN": False,
    "nan": False,
    "inf": False,
    "Infinity": False,
    " 1000": False,
    "1000 ": False,
    "1_000": False,
    "-5": False,
    "+5": False,
    "5.": False,
    ".5": False,
    "0x10": False,
    "1,5": False,
    "": False,
    "X1000": False,
}


def read_report(path: Path) -> None:
    data = read_data(path)
    problems = [problem for problem in data.problems if "not an ID, a wavenumber or a target" in problem]
    assert len(data.wavenumbers) == len(CHANNELS) + (not problems)
    if problems:
        raise ValueError(problems[0])


# each reader, with its message about a column that it does not recognise
READERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "preprocess": (lambda path: preprocess.preprocess(str(path)), "not an ID, a target or a number"),
    "run": (lambda path: DataFiles(path, path).check(), "is neither an ID nor a wavenumber"),
    "import": (grid_of_file, "columns named by wavenumbers are required"),
    "report": (read_report, "not an ID, a wavenumber or a target"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_every_reader_recognises_the_same_channels(name: str, reader: str, tmp_path: Path) -> None:
    cells = [f'"{cell}"' for cell in [*HEADER, name]]
    row = ",".join(["0", "1", "a", "0", *["0.5"] * (len(CHANNELS) + 1)])
    path = write_gz(tmp_path / "data.csv.gz", f"{','.join(cells)}\n{row}\n")
    read, message = READERS[reader]
    with nullcontext() if NAMES[name] else pytest.raises((ValueError, preprocess.DataError), match=message):
        read(path)
    assert schema.is_wavenumber(name) == NAMES[name]
    assert CHALLENGE.unknown_columns([*HEADER[1:], name]) == ([] if NAMES[name] else [name])


@pytest.mark.parametrize("name", [*IDS, *TARGETS, "4000.5"])
def test_the_index_has_a_name_that_no_column_may_have(name: str, tmp_path: Path) -> None:
    names = [name, *(other for other in HEADER[1:] if other != name)]
    path = write_gz(tmp_path / "data.csv.gz", f"{','.join(names)}\n{','.join(['0.5'] * len(names))}\n")
    assert any("the first column must be the index" in problem for problem in read_data(path).problems)


def test_channels_are_ordered_by_their_wavenumbers() -> None:
    names = ["900", "SiteID", "4000.5", "CuPPM", "1000", "1e4"]
    assert schema.channels_of(names) == ["4000.5", "1000", "900"]


def test_the_scripts_have_the_same_columns() -> None:
    assert preprocess.IDS == score.IDS == list(IDS)
    assert set(IDS) == {HOLE, *schema.DEPTHS}
    assert preprocess.GROUP == score.GROUP == HOLE
    assert tuple(preprocess.TARGETS) == score.TARGETS == TARGETS


def test_the_data_page_and_targets_toml_name_the_same_columns() -> None:
    page = (ROOT / "data/README.md").read_text("utf-8")
    listed_targets = page.partition("in the order of predictions:\n")[2].partition("Their weights")[0].split()
    assert tuple(listed_targets) == TARGETS
    assert all(f"`{name}`" in page for name in IDS)
    assert tomllib.loads((ROOT / "tools/recore/src/recore/dataset/targets.toml").read_text("utf-8")).keys() == set(
        TARGETS
    )


def test_the_sample_has_the_columns_of_the_schema(sample: Path) -> None:
    names = read_header(sample / "public/public.csv.gz")
    assert not CHALLENGE.unknown_columns(names[1:])
    assert {*IDS, *TARGETS} < set(names)


def test_the_schema_imports_no_other_module_of_recore_and_nothing_slow() -> None:
    command = "import sys; import recore.schema; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    modules = set(result.stdout.split())
    assert {name for name in modules if name.startswith("recore")} == {"recore", "recore.schema"}
    assert modules.isdisjoint({"numpy", "pandas", "pyarrow", "tomllib"})
