"""Invalid data and requests are rejected with the location and the reason in one line, and no output is written.

The scripts run in this process. test_interrupted.py shows that a separate process exits in the same way.
"""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.checkout import ROOT
from support.data_files import write_csv, write_gz
from support.scripts import run_here

import preprocess
import train


def with_cell(data: pd.DataFrame, column: str, value: object) -> pd.DataFrame:
    copy = data.astype({column: object})
    copy.loc[17, column] = value
    return copy


CHANNEL, CELL = "3704", "index 17, column '3704': "
# the change of a file, and a part of the message
CHANGES: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "text in a channel": (lambda d: with_cell(d, CHANNEL, "abc"), CELL + "'abc' is not a finite number"),
    "empty cell in a channel": (lambda d: with_cell(d, CHANNEL, None), CELL + "empty is not a finite number"),
    "infinity in a channel": (lambda d: with_cell(d, CHANNEL, np.inf), CELL + "'inf' is not a finite number"),
    "huge number in a channel": (lambda d: with_cell(d, CHANNEL, "1e999"), CELL + "'1e999' is not a finite number"),
    "empty channel": (lambda d: d.assign(**{CHANNEL: None}), "column '3704': empty is not a finite number"),
    "text in an assay": (lambda d: with_cell(d, "CuPPM", "<0.5"), "column 'CuPPM': '<0.5' is not a finite number"),
    "infinite assay": (lambda d: with_cell(d, "CuPPM", -np.inf), "column 'CuPPM': '-inf' is not a finite number"),
    "unknown column": (lambda d: d.assign(Colour="red"), "'Colour' is not an ID, a target or a number"),
    "repeated column": (lambda d: d[[*d.columns, CHANNEL]], "the column '3704' appears more than once"),
    "no index": (lambda d: d.set_index("DepthTo"), "the first column must be the index, not 'DepthTo'"),
    "few channels": (
        lambda d: d[["SiteID", CHANNEL, "CuPPM"]],
        "at least 7 comma-separated channels are needed, not 1",
    ),
    "no rows": (lambda d: d.iloc[:0], "it has no rows, or its columns are not separated by commas"),
    "zero spectrum": (
        lambda d: d.assign(**{name: d[name].where(d.index != 9, 0.0) for name in d if name.isdigit()}),
        "index 9: normalisation needs a value above zero",
    ),
}


def error_of(script: str, source: Path, folder: Path, script_error_here) -> str:
    """Return the line with which a script rejects a data file, and check that the script writes no output."""
    output = folder / "out" / {"preprocess.py": "public.csv", "train.py": "model.pkl"}[script]
    arguments = {
        "preprocess.py": ("--input", source, "--output", output),
        "train.py": ("--data_dir", source.parent, "--model_dir", output.parent),
    }[script]
    message = script_error_here(ROOT / script, *arguments, output=output)
    assert message.startswith(f"{script}: {source}")
    return message


@pytest.mark.parametrize("name", CHANGES)
def test_a_file_with_invalid_data_is_rejected(
    name: str, public: pd.DataFrame, tmp_path: Path, script_error_here
) -> None:
    change, part = CHANGES[name]
    source = write_csv(tmp_path / "public.csv.gz", change(public.iloc[:40].copy()))
    assert part in error_of("preprocess.py", source, tmp_path, script_error_here)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "there is no such file; create it with `recore sample --out data` or `unearthed new`"),
        (b"", "No columns to parse"),
        (gzip.compress(b"", mtime=0), "No columns to parse"),
        (b"DepthTo,SiteID\n1,a\n", "Not a gzipped file"),
        (gzip.compress(b"\x89PNG\r\n\x1a\n" * 30, mtime=0), "decode"),
        (gzip.compress(b"\tSiteID\t4000\n0\t1\t0.5\n", mtime=0), "columns are not separated by commas"),
        (gzip.compress(b",4000\n0,1\n1,2,3\n", mtime=0), "Expected 2 fields in line 3, saw 3"),
    ],
)
@pytest.mark.parametrize("script", ["preprocess.py", "train.py"])
def test_a_file_that_is_not_gzipped_csv_is_rejected(
    content: bytes | None, reason: str, script: str, tmp_path: Path, script_error_here
) -> None:
    source = tmp_path / "public.csv.gz"
    if content is not None:
        source.write_bytes(content)
    assert reason in error_of(script, source, tmp_path, script_error_here)


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.99])
def test_a_truncated_gzip_file_is_rejected(fraction: float, sample: Path, tmp_path: Path) -> None:
    content = (sample / "private/private.csv.gz").read_bytes()
    path = tmp_path / "private.csv.gz"
    path.write_bytes(content[: int(fraction * len(content))])
    with pytest.raises(preprocess.DataError, match=r"private\.csv\.gz: Compressed file ended before"):
        preprocess.preprocess(path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d.drop(columns=preprocess.TARGETS), "there are no assays to train on"),
        (lambda d: d.assign(**dict.fromkeys(preprocess.TARGETS)), "there are no assays to train on"),
        (lambda d: d.drop(columns="SiteID"), "the column 'SiteID', by which rows are held out, is missing"),
    ],
)
def test_train_py_needs_assays_and_drill_holes(
    change, reason: str, public: pd.DataFrame, tmp_path: Path, script_error_here
) -> None:
    source = write_csv(tmp_path / "public.csv.gz", change(public.iloc[:40]))
    assert reason in error_of("train.py", source, tmp_path, script_error_here)


def test_a_missing_model_is_rejected(sample: Path, tmp_path: Path, script_error_here) -> None:
    arguments = ("--input", sample / "private/private.csv.gz", "--model_dir", tmp_path, "--output", tmp_path / "o.csv")
    message = script_error_here(ROOT / "predict.py", *arguments, output=tmp_path / "o.csv")
    assert f"{tmp_path} contains no model; run train.py first" in message


@pytest.mark.parametrize("position", [0, 6, 7, 40, 423])
def test_other_channels_than_in_training_are_rejected(
    position: int, project: Path, public: pd.DataFrame, tmp_path: Path, script_error_here
) -> None:
    """Positions count from the highest wavenumber. The first four channels are not binned, so one may be missing."""
    channels = [name for name in public if name.isdigit()]
    source = write_csv(tmp_path / "in.csv.gz", public.drop(columns=channels[position]).iloc[:5])
    output = tmp_path / "o.csv"
    arguments = ("--input", source, "--model_dir", project / "model", "--output", output)
    if position < 4:
        assert run_here(ROOT / "predict.py", *arguments, cwd=tmp_path).returncode == 0
    else:
        assert "or the file has different channels" in script_error_here(ROOT / "predict.py", *arguments, output=output)


NUMBERS = ("0", "9", "1.0", "-0.0", "5e-324", "0.30000000000000004", "1e-05")
NON_NUMBERS = ("", "nan", "inf", "abc", "1e999")


def random_content(random: np.random.Generator) -> str:
    size = random.integers(0, 81)
    special = random.permutation(list(',"\n\r;.x0159e-+\0é'))[: random.integers(1, 18)]
    characters = [chr(point) for point in (*random.integers(0, 0x80, 5), *random.integers(0xE000, 0x110000, 5))]
    return "".join(random.choice([*special, *characters] if random.random() < 0.5 else special, size))


@pytest.mark.parametrize("seed", range(30))
def test_random_content_is_read_or_raises_a_data_error(seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    raw, cells = random_content(random), [*NUMBERS, *NON_NUMBERS][: len(NUMBERS) + seed % 6]
    row = ",".join(random.choice(cells, preprocess.BIN + 1))  # in a sixth of the cases, all are numbers
    header = "".join(f",{4000 - index}" for index in range(preprocess.BIN))
    for content in (raw, f"{header}\n{raw}", f"{header}\n{row}"):
        path = write_gz(tmp_path / "any.csv.gz", content)
        try:
            inputs, _ = preprocess.preprocess(path)
        except preprocess.DataError as error:
            assert str(path) in str(error)  # noqa: PT017 - either outcome is valid
        else:
            assert np.isfinite(inputs).all(axis=None)


@pytest.fixture(scope="module")
def model(project: Path) -> object:
    return train.model_fn(project / "model")


@pytest.mark.parametrize("seed", range(30))
def test_a_random_request_raises_an_error_with_a_reason(seed: int, model: object) -> None:
    """All these requests are rejected, because they are too short to contain the model's bins."""
    random = np.random.default_rng(seed)
    for body in (random_content(random), random.bytes(random.integers(0, 81))):
        with pytest.raises(ValueError, match=r"\w"):
            train.predict_fn(train.input_fn(body, "text/csv"), model)


@pytest.mark.parametrize("seed", range(30))
def test_any_cells_are_predicted_or_raise_an_error(seed: int, model: object) -> None:
    """One cell in each row is chosen at random. All other cells are numbers."""
    random = np.random.default_rng(seed)
    rows = [
        (random.integers(60), random.choice([*NUMBERS, random.random(), *NON_NUMBERS])) for _ in range(1 + seed % 4)
    ]
    lines = [",".join(["7", *["0.5"] * position, cell, *["0.5"] * (59 - position)]) for position, cell in rows]
    if any(cell in NON_NUMBERS for _, cell in rows):
        with pytest.raises(ValueError, match=r"could not convert string|is empty or not finite"):
            train.predict_fn(train.input_fn("\n".join(lines), "text/csv"), model)
    else:
        predicted = train.predict_fn(train.input_fn("\n".join(lines), "text/csv"), model)
        assert predicted.shape == (len(rows), len(preprocess.TARGETS))
        assert (predicted >= 0).all()
