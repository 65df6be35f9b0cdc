"""The request to the model is the output of preprocess.py without targets; all other cells are unchanged."""

import io
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stagemaker_support.fuzzing import examples

from recore.evaluation.csv_columns import MAX_ROW_BYTES
from recore.evaluation.four_steps import remove_targets

CASES = {
    "at the end": (",a,CuPPM,YPPM\n0,1.50,2,3\n1,4,5,6\n", ",a\n0,1.50\n1,4\n"),
    "in front": ("index,CuPPM,a\r\n0,1,2\r\n", "index,a\r\n0,2\r\n"),
    "quoted": ('"","a,b","CuPPM",c\n"x ""y"", z","1\n2","3,\n4",5', '"","a,b",c\n"x ""y"", z","1\n2",5'),
    "rows of different lengths": (",a,CuPPM,b\n0,1\n1,2,3,4,5\n\n", ",a,b\n0,1\n1,2,4,5\n\n"),
}


@pytest.mark.parametrize("name", CASES)
def test_targets_are_removed(name: str, tmp_path: Path) -> None:
    content, expected = CASES[name]
    path = tmp_path / "public.csv"
    path.write_bytes(content.encode())
    assert set(remove_targets(path)) <= {"CuPPM", "YPPM"}
    assert path.read_bytes() == expected.encode()


@pytest.mark.parametrize(
    "content", ["", ",bin_1,bin_2\n0,1,2\n", "CuPPM,a\n0,1\n", "1,2\n3,4\n", '"\n', ",CuPPM_mean\n0,1\n"]
)
def test_a_file_without_targets_is_not_rewritten(content: str, tmp_path: Path) -> None:
    path = tmp_path / "public.csv"
    path.write_text(content)
    path.chmod(0o400)
    status = path.stat()
    assert remove_targets(path) == []
    assert path.read_text() == content
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (status.st_ino, status.st_mtime_ns)


def test_a_row_that_does_not_fit_into_memory_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "public.csv"
    path.write_bytes(b",a,CuPPM\n" + b'"' + b"\n" * (MAX_ROW_BYTES + 1))
    with pytest.raises(ValueError, match="a row is larger than 16 MB"):
        remove_targets(path)


@examples(60)
@given(
    st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4), st.floats()), min_size=1, max_size=4), st.booleans()
)
def test_other_columns_are_what_pandas_writes_without_targets(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, float]], quoted: bool
) -> None:
    path = tmp_path_factory.mktemp("request") / "public.csv"
    table = pd.DataFrame(rows, columns=["first, or other", "AuPPM", "number"])
    path.write_bytes(to_csv(table, quoted))
    assert remove_targets(path) == ["AuPPM"]
    assert path.read_bytes() == to_csv(table.drop(columns="AuPPM"), quoted)


def to_csv(table: pd.DataFrame, quoted: bool) -> bytes:
    file = io.StringIO(newline="")
    table.to_csv(file, quoting=1 if quoted else 0, lineterminator="\n")
    return file.getvalue().encode(errors="surrogatepass")
