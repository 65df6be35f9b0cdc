import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from recore_support.command import recore, recore_process, usage_error
from support.checkout import ROOT, environment

from recore.cli import main

COMMANDS = sorted(main.commands)
TAKE_SUBMISSION = (["run"], ["check"], ["validate"], ["pack"], ["production", "train"], ["production", "tune"])


@pytest.mark.parametrize("columns", [None, "80"], ids=["no terminal", "COLUMNS"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_in_80_columns_and_on_a_page(command: str, columns: str | None) -> None:
    result = recore(command, "--help", COLUMNS=columns)
    assert (result.returncode, result.stderr) == (0, "")
    assert f"python -m recore {command}" in result.stdout
    assert "Example:" in result.stdout
    assert "--json" in result.stdout or "print JSON" in result.stdout
    assert [line for line in result.stdout.splitlines() if len(line) > 80] == []
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "tools/recore/docs").glob("*.md")]
    assert any(re.search(rf"\brecore {command}\b", page.read_text()) for page in pages)


@pytest.mark.parametrize("columns", [{}, {"COLUMNS": "80"}], ids=["no terminal", "COLUMNS"])
def test_help_describes_every_command_in_a_complete_sentence(columns: dict[str, str]) -> None:
    result = recore_process("--help", **columns)
    assert result.returncode == 0
    assert "Example:" in result.stdout
    assert [line for line in result.stdout.splitlines() if len(line) > 80] == []
    entries = [line.split(maxsplit=1) for line in result.stdout.partition("Commands:\n")[2].splitlines()]
    assert [name for name, _ in entries] == COMMANDS
    assert [name for name, sentence in entries if sentence.endswith("...")] == []


def test_a_former_name_of_a_command_still_works() -> None:
    assert recore("board", "--help").stdout == recore("leaderboard", "--help").stdout


def test_files_in_the_working_directory_are_never_imported(tmp_path: Path) -> None:
    """A submission's files may be named like packages; reading the submission must not run them."""
    for name in ("numpy", "click", "pandas", "json", "signal", "typing", "difflib", "score", "train"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    (tmp_path / "numpy-2.0.0.dist-info").mkdir()
    command = [sys.executable, "-m", "recore", "check", ".", "--source-only"]
    variables = environment()
    result = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=600)
    assert result.returncode == 1, result.stderr
    assert "setup.py" in result.stdout
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("explore", "public.csv", "--out", "OUT.html"),
        ("validate", "mine", "--public", "public.csv", "--out", "OUT.html"),
        ("run", ROOT, "--public", "public.csv", "--out", "OUT"),
        ("handover", "run", "--out", "OUT"),
        ("pack", ROOT, "--out", "OUT.tar.gz"),
        ("import", "public.csv", "--out", "OUT.csv.gz"),
        ("sample", "--out", "OUT"),
        ("new", "OUT"),
        ("predict", "mine", "public.csv", "--out", "OUT.csv"),
        ("production", "predict", "public.csv", "--out", "OUT.csv"),
        ("production", "compare", "--assays", "public.csv", "--out", "OUT.csv"),
        ("production", "monitor", "--out", "OUT.html"),
    ],
    ids=lambda arguments: "-".join(map(str, arguments[:2])).replace(str(ROOT), "here"),
)
@pytest.mark.parametrize("folder", ["/proc/none", "public.csv/none"], ids=["unwritable", "a file"])
def test_an_unwritable_output_is_reported_at_once(arguments: tuple[object, ...], folder: str, tmp_path: Path) -> None:
    (tmp_path / "public.csv").write_text(",SiteID,DepthFrom,DepthTo,4000.0,CuPPM\n0,a,0,1,0.5,7\n")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/train.py").touch()
    words = [str(word).replace("OUT", f"{folder}/x") for word in arguments]
    account = {f"AWS_{name}": "none" for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")}
    account |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_DEFAULT_REGION": "us-east-1"}
    line = usage_error(recore(*words, cwd=tmp_path, **account))
    assert f"{folder}/x" in line
    assert line.endswith("; choose another path")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_removed_working_directory_is_reported(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    result = CliRunner().invoke(main, [command], prog_name="python -m recore")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "recore: the working directory was removed: change to one that exists\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["vaildate"], "'vaildate': did you mean 'validate'?"),
        (["leaderbord", "--json"], "'leaderbord': did you mean 'leaderboard'?"),
        (["xyzzy"], "'xyzzy'; see `python -m recore --help`"),
        (["--debgu", "board"], "'--debgu': did you mean '--debug'?"),
        (["run", "--pubic", "x"], "'--pubic': did you mean '--public'?"),
        (["validate", "--set", "alphas=3"], "'--set': it is an option of `python -m recore run`; see"),
        (["doctor", "--xyzzy"], "'--xyzzy'; see `python -m recore doctor --help`"),
        (["sample"], "--out"),
        (["sample", "--out", "x", "--rows", "many"], "many"),
        (["sample", "--out", "x", "--holes", "1"], "1 hole with 1,920 rows"),
        (["scores", "nowhere"], "nowhere: neither public.json"),
        (["scores", "a", "b"], "(b); see `python -m recore scores --help`"),
        (["train"], "'train': use `python -m recore run` (Train, preprocess, predict and score a submission as jobs)"),
        (["submit"], "'submit': use `python -m recore pack` (Write src.tar.gz, the archive to upload)"),
        (["score"], "'score': use `python -m recore scores` ("),
        (["test"], "'test': use `python -m recore check` ("),
        (["production", "submit"], "'submit'; see `python -m recore production --help`"),
        *(
            ([*command, ROOT / "train.py"], f"this is a file; specify its folder, {ROOT}")
            for command in TAKE_SUBMISSION
        ),
        *(([*command, ROOT / "docs"], "this is not a submission") for command in TAKE_SUBMISSION),
        (["run", ROOT, "--n_components=5"], "--n_components is a hyperparameter: use --set n_components=..."),
        (["production", "retrain", ROOT, "--alpha-min"], "--alpha-min is a hyperparameter: use --set alpha_min=..."),
        (["check", ROOT, "--alphas"], "--alphas is a hyperparameter: use `python -m recore run --set alphas=...`"),
        (["run", ROOT / "docs", "--alphas"], "unknown option '--alphas'; see `python -m recore run --help`"),
        (["run", ROOT, "--set", "alphaz=1"], "--set alphaz: fit() has no such hyperparameter; did you mean alphas?"),
        (["run", "--public"], "'--public' requires an argument; see `python -m recore run --help`"),
    ],
)
def test_wrong_usage_is_reported_with_the_correct_usage(arguments: list[str], reason: str, tmp_path: Path) -> None:
    line = usage_error(recore(*arguments, cwd=tmp_path))
    assert reason in line
    assert "sample --out" not in line


def test_a_process_reports_wrong_usage() -> None:
    assert "did you mean 'validate'?" in usage_error(recore_process("vaildate"))


def test_sample_prints_what_it_wrote_and_replaces_it_only_if_forced(tmp_path: Path) -> None:
    options = ("sample", "--out", tmp_path, "--rows", 20, "--holes", 4, "--channels", 14)
    result = recore_process(*options)
    assert result.returncode == 0
    assert result.stderr == "sample: writing rows\n"
    assert result.stdout.splitlines()[0].endswith(f"{tmp_path / 'public/public.csv.gz'}")
    content = (tmp_path / "public/public.csv.gz").read_bytes()
    assert "--force" in usage_error(recore(*options, "--seed", 1))
    assert (tmp_path / "public/public.csv.gz").read_bytes() == content
    written = json.loads(recore(*options, "--seed", 1, "--force", "--json").stdout)
    assert sum(file["rows"] for path, file in written.items() if "actual" not in path) == 20
    assert (tmp_path / "public/public.csv.gz").read_bytes() != content


UNSUPPORTED = {
    "sys.platform = 'win32'": "`wsl --install` in PowerShell",
    "sys.version_info = (3, 9, 18)": f"Python 3.12 is required, but {sys.executable} is Python 3.9.18: ",
    "sys.version_info = (3, 13, 0)": f"Python 3.12 is required, but {sys.executable} is Python 3.13.0: ",
    "sys.version_info = (3, 10, 1)": f"Python 3.11 or later is required, but {sys.executable} is Python 3.10.1: ",
}


@pytest.mark.parametrize(
    ("program", "setting"),
    [
        *(("recore", setting) for setting in list(UNSUPPORTED)[:3]),
        ("stagemaker", "sys.platform = 'win32'"),
        ("stagemaker", "sys.version_info = (3, 10, 1)"),
    ],
)
def test_a_program_that_cannot_run_here_says_what_to_do(program: str, setting: str) -> None:
    """The message is printed before other modules are imported, because these may be missing or use newer syntax."""
    code = f"import runpy, sys; {setting}; sys.argv[1:] = ['doctor', '--json']; sys.path[:0] = ['', '']; "
    code += f"runpy.run_module('{program}', run_name='__main__')"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith(f"{program}: ")
    assert UNSUPPORTED[setting] in result.stderr


def test_old_pythons_can_read_what_is_imported_before_their_version_is_checked() -> None:
    for package in ("recore", "stagemaker"):
        for name in ("__init__.py", "__main__.py"):
            ast.parse((ROOT / f"tools/{package}/src/{package}/{name}").read_text(), feature_version=(3, 8))
    supported = ROOT / "tools/stagemaker/src/stagemaker/supported.py"
    ast.parse(supported.read_text(), feature_version=(3, 8))


def test_debug_shows_the_traceback() -> None:
    result = recore_process("--debug", "scores", "nowhere")
    assert result.returncode != 0
    assert "Traceback" in result.stderr


def test_scores_prints_a_projects_scores(project: Path) -> None:
    result = recore("scores", project / "data/scores")
    assert result.returncode == 0
    value = float((project / "data/scores/public.txt").read_text())
    assert ["score", f"{value:.4f}"] in [line.split() for line in result.stdout.splitlines()]
    printed_scores = json.loads(recore("scores", project / "data/scores", "--json").stdout)
    assert printed_scores["public"]["value"] == value


def test_the_command_imports_no_slow_packages() -> None:
    code = (
        "import sys, recore.cli; print(*sorted({'pandas', 'sklearn', 'pyarrow', 'rich', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).split() == []


def test_nothing_is_printed_to_stderr_if_the_reader_closes_early() -> None:
    command = [sys.executable, "-m", "recore", "doctor"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.wait(60) == 1
        assert process.stderr.read() == ""
