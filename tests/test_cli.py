"""`python -m recore`: help with examples, errors in one line, exit status 0, 1 or 2."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.checkout import ROOT, environment

from recore.cli import main

COMMANDS = sorted(main.commands)


def recore(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "recore", *map(str, arguments)]
    variables = environment() | variables
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_and_is_documented(command: str) -> None:
    done = recore(command, "--help")
    assert done.returncode == 0
    assert f"python -m recore {command}" in done.stdout
    assert "Example:" in done.stdout
    assert "--json" in done.stdout
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    assert any(f"python -m recore {command}" in page.read_text() for page in pages)


@pytest.mark.parametrize("command", ["", *COMMANDS])
@pytest.mark.parametrize("columns", [None, "80"])
def test_help_fits_80_columns(columns: str | None, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    variables = {} if columns is None else {"COLUMNS": columns}
    done = recore(*command.split(), "--help", **variables)
    assert done.returncode == 0
    assert [line for line in done.stdout.splitlines() if len(line) > 80] == []
    assert "Example:" in done.stdout


def test_help_names_every_command_with_a_whole_sentence() -> None:
    done = recore("--help")
    assert done.returncode == 0
    listed = [line.split(maxsplit=1) for line in done.stdout.partition("Commands:\n")[2].splitlines()]
    assert [name for name, _ in listed] == COMMANDS
    assert [name for name, sentence in listed if sentence.endswith("...")] == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["vaildate"], "recore: no command 'vaildate': did you mean 'validate'?"),
        (["borad", "--json"], "recore: no command 'borad': did you mean 'board'?"),
        (["xyzzy"], "recore: no command 'xyzzy'; see `python -m recore --help`"),
        (["--debgu", "board"], "recore: no option '--debgu': did you mean '--debug'?"),
        (["run", "--pubic", "x"], "recore: no option '--pubic': did you mean '--public'?"),
        (["doctor", "--xyzzy"], "recore: no option '--xyzzy'; see `python -m recore doctor --help`"),
    ],
)
def test_a_mistyped_word_is_one_line_with_the_closest_one(arguments: list[str], line: str) -> None:
    done = recore(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{line}\n")


@pytest.mark.slow
def test_sample_prints_what_it_wrote(tmp_path: Path) -> None:
    done = recore("sample", "--out", tmp_path, "--rows", 20, "--holes", 4, "--channels", 14)
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.splitlines()[0].endswith(f"{tmp_path / 'public/public.csv.gz'}")
    again = recore("sample", "--out", tmp_path, "--rows", 20, "--holes", 4, "--channels", 14, "--force", "--json")
    assert sum(file["rows"] for path, file in json.loads(again.stdout).items() if "actual" not in path) == 20


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("sample",), "--out"),
        (("sample", "--out", "x", "--rows", "many"), "many"),
        (("sample", "--out", "x", "--holes", 1), "recore: 1 holes"),
        (("scores", "nowhere"), "recore: nowhere: neither public.json"),
        (("scores", "a", "b"), "unexpected extra argument (b); see `python -m recore scores --help`"),
        (("run", "--public"), "'--public' requires an argument; see `python -m recore run --help`"),
    ],
)
def test_wrong_usage_has_status_2_and_a_reason(arguments: tuple[object, ...], reason: str) -> None:
    done = recore(*arguments)
    assert done.returncode == 2
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.slow
def test_a_second_sample_replaces_nothing(tmp_path: Path) -> None:
    options = ("--rows", 20, "--holes", 4, "--channels", 14)
    assert recore("sample", "--out", tmp_path, *options).returncode == 0
    before = (tmp_path / "public/public.csv.gz").read_bytes()
    done = recore("sample", "--out", tmp_path, "--seed", 1, *options)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "--force" in done.stderr
    assert (tmp_path / "public/public.csv.gz").read_bytes() == before


def test_debug_shows_the_traceback() -> None:
    done = recore("--debug", "scores", "nowhere")
    assert done.returncode != 0
    assert "Traceback" in done.stderr


def test_scores_of_a_project(project: Path) -> None:
    done = recore("scores", project / "data/scores")
    assert done.returncode == 0
    value = float((project / "data/scores/public.txt").read_text())
    assert ["score", f"{value:.4f}"] in [line.split() for line in done.stdout.splitlines()]
    as_json = json.loads(recore("scores", project / "data/scores", "--json").stdout)
    assert as_json["public"]["value"] == value


def test_the_command_imports_no_slow_packages() -> None:
    code = (
        "import sys, recore.cli; print(*sorted({'pandas', 'sklearn', 'pyarrow', 'rich', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).split() == []


def test_a_reader_that_closes_early_is_no_error() -> None:
    command = [sys.executable, "-m", "recore", "doctor"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.wait(60) == 1
        assert process.stderr.read() == ""
