"""Invalid data: each file is refused in one line that names the location, and no output is left.

The scripts run in this process; the tests at the end show that processes end in the same way.
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
from challenge.files import DataError


def with_cell(data: pd.DataFrame, row: int, column: str, value: object) -> pd.DataFrame:
    copy = data.astype({column: object})
    copy.loc[row, column] = value
    return copy


def channels(data: pd.DataFrame) -> list[str]:
    return [name for name in data if name.replace(".", "").isdigit()]


# Each message contains the location and the reason; pyarrow adds the row between the two if it uses only one thread.
EMPTY = ("index 17, channel {}:", "empty or not finite")
CHANGES: dict[str, tuple[Callable[[pd.DataFrame, str], pd.DataFrame], tuple[str, ...]]] = {
    "text in a channel": (lambda d, c: with_cell(d, 17, c, "abc"), ("column '{}':", "not a number: 'abc'")),
    "empty cell in a channel": (lambda d, c: with_cell(d, 17, c, None), EMPTY),
    "nan in a channel": (lambda d, c: with_cell(d, 17, c, "nan"), EMPTY),
    "infinity in a channel": (lambda d, c: with_cell(d, 17, c, np.inf), EMPTY),
    "huge number in a channel": (lambda d, c: with_cell(d, 17, c, "1e999"), EMPTY),
    "an unknown column": (lambda d, c: d.assign(Colour="red"), ("column 'Colour'", "neither an ID, a target")),
    "one wavenumber twice": (lambda d, c: d.assign(**{c + "0": 1.0}), ("of different wavenumbers",)),
    "few channels": (lambda d, c: d[["SiteID", c, "CuPPM"]], (f"1 channels; {preprocess.BIN} or more",)),
    "no channel above the window": (
        lambda d, c: d.drop(columns=[name for name in channels(d) if float(name) > preprocess.MAXIMUM_ABOVE]),
        (f"no channel lies above {preprocess.MAXIMUM_ABOVE:g}", "MAXIMUM_ABOVE in preprocess.py"),
    ),
    "tabs": (lambda d, c: d[[c]].rename(columns={c: "a\tb"}), ("neither an ID, a target nor a wavenumber",)),
    "no rows": (lambda d, c: d.iloc[:0], ("no row",)),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("script", ["preprocess.py", "train.py"])
def test_a_file_with_invalid_data_is_refused(
    name: str, script: str, public: pd.DataFrame, tmp_path: Path, script_error_here
) -> None:
    channel = public.columns[40]
    change, parts = CHANGES[name]
    source = write_csv(tmp_path / "in/public.csv.gz", change(public.iloc[:40].copy(), channel))
    output = tmp_path / "out" / {"preprocess.py": "public.csv", "train.py": "model.pkl"}[script]
    arguments = {
        "preprocess.py": ("--input", source, "--output", output),
        "train.py": ("--data_dir", source.parent, "--model_dir", output.parent),
    }[script]
    message = script_error_here(ROOT / script, *arguments, output=output)
    assert message.startswith(f"{script}: ")
    for part in parts:
        assert part.format(channel) in message


def test_an_all_zero_spectrum_is_refused(public: pd.DataFrame, tmp_path: Path, script_error_here) -> None:
    flat = public.iloc[:20].copy()
    flat.loc[flat.index[9], channels(flat)] = 0.0
    source = write_csv(tmp_path / "in/public.csv.gz", flat)
    message = script_error_here(
        ROOT / "preprocess.py", "--input", source, "--output", tmp_path / "o.csv", output=tmp_path / "o.csv"
    )
    assert f"index {flat.index[9]}: no finite bins; is the spectrum zero or flat?" in message


def test_a_repeated_column_is_refused(public: pd.DataFrame, tmp_path: Path, script_error_here) -> None:
    source = write_csv(tmp_path / "in/public.csv.gz", public[[*public.columns, public.columns[40]]])
    message = script_error_here(
        ROOT / "preprocess.py", "--input", source, "--output", tmp_path / "o.csv", output=tmp_path / "o.csv"
    )
    assert f"the column '{public.columns[40]}' appears more than once" in message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Empty CSV file"),
        (gzip.compress(b"", mtime=0), "Empty CSV file"),
        (b"DepthTo,SiteID\n1,a\n", "incorrect header check"),
        (gzip.compress(b"\x89PNG\r\n\x1a\n" * 30, mtime=0), "decode"),
        (gzip.compress(b",4000.0,3998.0\n0,1.0\n", mtime=0), "Expected 3 columns, got 2"),
    ],
)
def test_a_file_that_is_not_gzipped_csv_is_refused(
    content: bytes, reason: str, tmp_path: Path, script_error_here
) -> None:
    source = tmp_path / "public.csv.gz"
    source.write_bytes(content)
    for arguments in (("preprocess.py", "--input", source), ("train.py", "--data_dir", tmp_path)):
        assert reason in script_error_here(ROOT / arguments[0], *arguments[1:], "--output", "o", "--model_dir", "o")


@pytest.mark.parametrize("share", [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99])
def test_a_truncated_gzip_file_is_refused(share: float, sample: Path, tmp_path: Path) -> None:
    content = (sample / "private/private.csv.gz").read_bytes()
    path = tmp_path / "private.csv.gz"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(preprocess.DataError, match=r"private\.csv\.gz: .*[Tt]runcated"):
        preprocess.preprocess(path)


NUMBERS = ("0", "9", "1.0", "-0.0", "5e-324", "2.2250738585072014e-308", "0.30000000000000004", "1e-05")
NO_NUMBERS = ("", "nan", "inf", "abc", "1e999")


def random_text(random: np.random.Generator) -> str:
    """Return at most 80 characters, in some texts few different ones."""
    size = random.integers(0, 81)
    special = random.permutation(list(',"\n\r;.x0159e-+\0é'))[: random.integers(1, 18)]
    anything = [chr(point) for point in (*random.integers(0, 0x80, 5), *random.integers(0xE000, 0x110000, 5))]
    return "".join(random.choice([*special, *anything] if random.random() < 0.5 else special, size))


@pytest.mark.parametrize("seed", range(150))
def test_any_text_is_read_or_raises_a_data_error(seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    text, cells = random_text(random), [*NUMBERS, *NO_NUMBERS][: len(NUMBERS) + seed % 6]
    row = ",".join(random.choice(cells, preprocess.BIN + 1))  # in a sixth of the cases, all are numbers
    header = "".join(f",{4000 - number}" for number in range(preprocess.BIN))
    for content in (text, f"{header}\n{text}", f"{header}\n{row}"):
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


@pytest.mark.parametrize("kind", [str, bytes])
@pytest.mark.parametrize("seed", range(100))
def test_a_request_of_any_text_raises_a_data_error_with_a_reason(seed: int, kind: type, model: object) -> None:
    """Every such text is refused, because it is too short to contain the model's bins."""
    random = np.random.default_rng(seed)
    body = random_text(random) if kind is str else random.bytes(random.integers(0, 81))
    with pytest.raises(DataError, match=r"\w"):
        train.predict_fn(train.input_fn(body, "text/csv"), model)


@pytest.mark.parametrize("seed", range(100))
def test_any_cells_are_predicted_or_raise_a_data_error(seed: int, model: object) -> None:
    """One cell of each row is chosen at random. All other cells are numbers."""
    random = np.random.default_rng(seed)
    rows = [(random.integers(60), random.choice([*NUMBERS, random.random(), *NO_NUMBERS])) for _ in range(1 + seed % 4)]
    lines = [",".join(["7", *["0.5"] * position, cell, *["0.5"] * (59 - position)]) for position, cell in rows]
    if not any(cell in NO_NUMBERS for _, cell in rows):
        predicted = train.predict_fn(train.input_fn("\n".join(lines), "text/csv"), model)
        assert predicted.shape == (len(rows), len(preprocess.TARGETS))
        assert (predicted >= 0).all()
    else:
        with pytest.raises(DataError, match=r"not a number|empty or not finite"):
            train.predict_fn(train.input_fn("\n".join(lines), "text/csv"), model)


def test_a_missing_file_and_missing_assays_are_refused(public: pd.DataFrame, tmp_path: Path, script_error_here) -> None:
    arguments = ("--data_dir", tmp_path, "--model_dir", tmp_path / "model")
    assert "public.csv.gz" in script_error_here(ROOT / "train.py", *arguments)
    assert "public.csv.gz" in script_error_here(
        ROOT / "preprocess.py", "--input", tmp_path / "public.csv.gz", "--output", "o"
    )
    targets = list(preprocess.TARGETS)
    for data in (public.drop(columns=targets), public.assign(**dict.fromkeys(targets))):
        write_csv(tmp_path / "public.csv.gz", data)
        assert "there are no assays to train on" in script_error_here(ROOT / "train.py", *arguments)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("inf", "an infinite value"),
        ("-1e300", "an infinite value, or one beyond 1e100"),
        ("<0.5", "not a number: '<0.5'"),
    ],
)
def test_an_assay_that_is_not_a_number_is_refused(
    value: str, reason: str, public: pd.DataFrame, tmp_path: Path, script_error_here
) -> None:
    write_csv(tmp_path / "public.csv.gz", with_cell(public, 17, "CuPPM", value))
    message = script_error_here(ROOT / "train.py", "--data_dir", tmp_path, "--model_dir", tmp_path / "model")
    assert "column 'CuPPM': " in message
    assert reason in message


def test_missing_drill_holes_are_refused(public: pd.DataFrame, tmp_path: Path, script_error_here) -> None:
    write_csv(tmp_path / "public.csv.gz", public.drop(columns="SiteID"))
    assert "'SiteID'" in script_error_here(ROOT / "train.py", "--data_dir", tmp_path, "--model_dir", tmp_path / "model")


@pytest.mark.parametrize("content", [None, b"", b"garbage", b"\x80\x04\x95", b"cnowhere\nnothing\n."])
def test_a_model_that_does_not_load_is_reported(
    content: bytes | None, sample: Path, tmp_path: Path, script_error_here
) -> None:
    if content is not None:
        (tmp_path / "model.pkl").write_bytes(content)
    arguments = ("--input", sample / "private/private.csv.gz", "--model_dir", tmp_path, "--output", tmp_path / "o.csv")
    message = script_error_here(ROOT / "predict.py", *arguments, output=tmp_path / "o.csv")
    assert "no model loads from" in message
    assert "run train.py first" in message


@pytest.mark.parametrize("position", [0, 1, 3, 6, 7, 40, 413, 416, 419])
def test_a_missing_channel_is_refused(
    position: int, project: Path, public: pd.DataFrame, tmp_path: Path, script_error_here
) -> None:
    names = channels(public)
    position = min(position, len(names) // preprocess.BIN * preprocess.BIN - 1)  # later channels are in no bin
    source = write_csv(tmp_path / "in.csv.gz", public.drop(columns=names[position]).iloc[:5])
    arguments = ("--input", source, "--model_dir", project / "model", "--output", tmp_path / "o.csv")
    assert "does the file have other channels?" in script_error_here(
        ROOT / "predict.py", *arguments, output=tmp_path / "o.csv"
    )


def test_a_missing_channel_that_no_bin_uses_changes_nothing(
    project: Path, public: pd.DataFrame, tmp_path: Path
) -> None:
    arguments = ("--model_dir", project / "model", "--input")
    outputs = []
    for data in (public.iloc[:5], public.drop(columns=channels(public)[-1]).iloc[:5]):
        source = write_csv(tmp_path / "in.csv.gz", data)
        assert (
            run_here(ROOT / "predict.py", *arguments, source, "--output", tmp_path / "o", cwd=tmp_path).returncode == 0
        )
        outputs.append((tmp_path / "o").read_text())
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize("name", ["3997.4", "CuPPM", "SiteID"])
def test_a_file_without_an_index_is_refused(name: str, public: pd.DataFrame, tmp_path: Path, script_error_here) -> None:
    source = write_csv(tmp_path / "in.csv.gz", public.rename_axis(name))
    message = script_error_here(ROOT / "preprocess.py", "--input", source, "--output", tmp_path / "o.csv")
    assert "the first column must be the index" in message or "more than once" in message


def test_the_output_never_replaces_the_input(project: Path, sample: Path, tmp_path: Path, script_error_here) -> None:
    source = tmp_path / "private.csv.gz"
    source.write_bytes((sample / "private/private.csv.gz").read_bytes())
    arguments = ("--input", source, "--output", tmp_path / "." / source.name)
    for script in (("preprocess.py",), ("predict.py", "--model_dir", project / "model")):
        assert "the output would replace the input" in script_error_here(ROOT / script[0], *script[1:], *arguments)
        assert source.read_bytes() == (sample / "private/private.csv.gz").read_bytes()


def test_a_drill_hole_that_is_not_utf_8_is_refused(public: pd.DataFrame, tmp_path: Path, script_error_here) -> None:
    text = public.assign(SiteID="Schächt").to_csv().encode("latin-1")
    write_gz(tmp_path / "public.csv.gz", text)
    message = script_error_here(ROOT / "train.py", "--data_dir", tmp_path, "--model_dir", tmp_path / "model")
    assert "column 'SiteID'" in message


def test_a_single_row_is_predicted(project: Path, public: pd.DataFrame, tmp_path: Path) -> None:
    source = write_csv(tmp_path / "one.csv.gz", public.iloc[:1])
    arguments = ("--input", source, "--model_dir", project / "model", "--output", tmp_path / "o.csv")
    assert run_here(ROOT / "predict.py", *arguments, cwd=tmp_path).returncode == 0
    assert (tmp_path / "o.csv").read_text().count(",") == 48


def test_an_error_after_the_first_batch_leaves_no_output(tmp_path: Path, script_error_here) -> None:
    header = ",".join(["", "SiteID", *(f"{4000 - 2 * channel}.0" for channel in range(424))])
    row = "7,DD001," + ",".join(["0.123456"] * 424) + "\n"
    source = write_gz(tmp_path / "long.csv.gz", f"{header}\n{row * 2500}{row.replace('0.123456', 'abc', 1)}")
    output = tmp_path / "out.csv"
    assert "not a number: 'abc'" in script_error_here(
        ROOT / "preprocess.py", "--input", source, "--output", output, output=output
    )


@pytest.mark.parametrize("script", ["preprocess.py", "train.py", "predict.py"])
def test_a_process_ends_with_one_line_and_without_output(
    script: str, project: Path, public: pd.DataFrame, tmp_path: Path, script_error
) -> None:
    channel, output = public.columns[40], tmp_path / "out" / ("model.pkl" if script == "train.py" else "public.csv")
    source = write_csv(tmp_path / "in/public.csv.gz", with_cell(public.iloc[:20], 17, channel, "abc"))
    arguments = {
        "preprocess.py": ("--input", source, "--output", output),
        "train.py": ("--data_dir", source.parent, "--model_dir", output.parent),
        "predict.py": ("--input", source, "--output", output, "--model_dir", project / "model"),
    }[script]
    message = script_error(ROOT / script, *arguments, output=output)
    assert message.startswith(f"{script}: {source}: column '{channel}': ")
    assert "not a number: 'abc'" in message


def test_a_process_without_a_model_ends_with_one_line(sample: Path, tmp_path: Path, script_error) -> None:
    arguments = ("--input", sample / "private/private.csv.gz", "--model_dir", tmp_path, "--output", tmp_path / "o.csv")
    message = script_error(ROOT / "predict.py", *arguments, output=tmp_path / "o.csv")
    assert message.startswith(f"predict.py: no model loads from {tmp_path}, run train.py first")
