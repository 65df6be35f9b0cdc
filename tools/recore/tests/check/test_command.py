"""`python -m recore check`: its output in every format, its exit status, and the arguments that it rejects."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from recore_support.broken_submissions import CASES
from recore_support.command import recore, usage_error
from recore_support.edited_submissions import make
from support.checkout import ROOT, run

from recore.check.output import to_github
from recore.check.rule import Finding, Level, Location, Rule
from recore.check.runner import RuleResult, load_catalogue
from recore.evaluation.submission import read_submission


def run_check(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return recore("check", *arguments, cwd=cwd)


def test_an_error_is_shown_with_its_location_and_fix(tmp_path: Path) -> None:
    folder = make(CASES["RC202"], tmp_path / "mine")
    result = run_check(folder, "--source-only")
    assert result.returncode == 1
    finding, fix, *_, summary = result.stdout.splitlines()
    assert finding.startswith(f"{folder}/train.py:6: RC202 error: mdl.py is imported, but not uploaded")
    assert fix == '    fix: add "mdl" to py_modules of setup.py'
    assert summary.startswith("check: 1 error and 0 warnings from ")
    assert result.stderr == ""
    process = run("-m", "recore", "check", folder, "--source-only", cwd=ROOT)
    assert (process.returncode, process.stdout, process.stderr) == (1, result.stdout, "")
    assert run_check("--source-only", cwd=folder).stdout.startswith("train.py:6: RC202 error: ")
    ignoring = run_check(folder, "--source-only", "--ignore", "rc202,RC12")
    assert ignoring.returncode == 0
    assert ignoring.stdout.startswith("check: no findings from ")


def test_rules_that_were_not_run_are_listed_with_the_reason(tmp_path: Path) -> None:
    folder = make(CASES["RC201"], tmp_path / "mine")
    result = run_check(folder, "--source-only")
    *_, line, summary = result.stdout.splitlines()
    assert re.fullmatch(r"\d+ rules could not be run because of the errors above; -v lists them", line)
    assert summary.endswith("rules not run")
    assert "RC202" not in result.stdout
    result = run_check(folder, "--source-only", "-v")
    line = "RC202 modules-uploaded was not run: it needs RC201 (setup-py), which found an error"
    assert line in result.stdout.splitlines()
    assert result.stdout.splitlines()[-1].endswith("rules not run")
    *lines, _ = run_check(folder, "--source-only", "--select", "RC202").stdout.splitlines()
    assert lines == [line]  # the error itself is not selected


def test_json_contains_the_findings_and_the_rules_that_were_not_run(tmp_path: Path) -> None:
    folder = make(CASES["RC201 import"], tmp_path / "mine")
    result = run_check(folder, "--source-only", "--format", "json", "--select", "RC2")
    record = json.loads(result.stdout)
    [finding] = record["findings"]
    assert (result.returncode, record["errors"]) == (1, 1)
    assert record["submission"] == {"path": str(folder), "sha256": read_submission(folder).sha256}
    values = [finding[name] for name in ("code", "rule", "level", "file", "line")]
    assert values == ["RC201", "setup-py", "error", "setup.py", 1]
    assert {rule["code"] for rule in record["not_run"]} >= {"RC202", "RC209"}
    assert {rule["code"][:3] for rule in record["not_run"]} == {"RC2"}
    result = run_check(make(CASES["RC206"], tmp_path / "warned"), "--source-only", "--json")
    record = json.loads(result.stdout)
    assert (result.returncode, record["errors"], record["warnings"]) == (0, 0, 1)


def test_workflow_commands_specify_the_file_and_the_line(tmp_path: Path) -> None:
    make(CASES["RC202"], tmp_path / "mine")
    result = run_check("mine", "--source-only", "--format", "github", cwd=tmp_path)
    line = result.stdout.splitlines()[0]
    assert line.startswith("::error file=mine/train.py,title=RC202 modules-uploaded,line=6::mdl.py is imported")
    assert "Fix: add " in line
    assert result.returncode == 1


def test_workflow_commands_are_escaped() -> None:
    rule = Rule("RC101", "one", "One", (), lambda _: [])
    finding = Finding("50% of\n::error::it", "a, b: c", Location("a,b:c%.py", 3), Level.WARNING)
    line = to_github([RuleResult(rule, findings=(finding,))], Path()).splitlines()[0]
    assert line == "::warning file=a%2Cb%3Ac%25.py,title=RC101 one,line=3::50%25 of ::error::it Fix: a, b: c"


def test_a_built_archive_is_checked(tmp_path: Path) -> None:
    folder = make(CASES["RC116"], tmp_path / "mine")
    subprocess.run(["tar", "czf", tmp_path / "src.tar.gz", "train.py", "preprocess.py"], cwd=folder, check=True)
    result = run_check("src.tar.gz", "--source-only", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stdout.startswith("src.tar.gz/train.py:17: RC116 error: ")


def test_the_rules_are_listed() -> None:
    result = run_check("--list", "--select", "RC2")
    lines = result.stdout.splitlines()
    assert result.returncode == 0
    assert lines[0].split(maxsplit=2)[:2] == ["RC201", "setup-py"]
    assert {line[:3] for line in lines} == {"RC2"}
    [first, *_] = json.loads(run_check("--list", "--json").stdout)
    assert (first["code"], first["name"], first["runs"]) == ("RC102", "valid-python", False)


def test_the_rules_are_explained() -> None:
    rules = load_catalogue()
    output = run_check("--explain", "all").stdout
    assert output.count("\nFix: ") == len(rules)
    for rule in rules:
        assert f"{rule.code} {rule.name}: {rule.summary}\n" in output
        assert len(rule.documentation) > 200, rule.code
    printed = run_check("--explain", "rc304,RC110", "--explain", "RC301")
    assert printed.returncode == 0
    assert re.findall(r"^RC\d+", printed.stdout, re.MULTILINE) == ["RC110", "RC301", "RC304"]
    assert "    GridSearchCV(" in printed.stdout
    assert printed.stdout.endswith("\n\nNeeds RC302.\n")


def test_the_workflow_runs_the_check_on_pull_requests_without_permissions() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text("utf-8"))
    assert "pull_request" in workflow[True]  # YAML 1.1 reads the key `on` as a boolean
    assert workflow["permissions"] == {"contents": "read"}
    program, _, module, *arguments = workflow["jobs"]["check"]["steps"][-1]["run"].split()
    assert (program, module) == (".venv/bin/python", "recore")
    result = recore(*arguments, "--source-only")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("check: no findings from ")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--explain", "RC999"], "unknown rule 'RC999': did you mean RC"),
        (["--select", "RC999"], "unknown rule 'RC999': did you mean RC"),
        (["--ignore", "hooks"], "unknown rule 'HOOKS': did you mean RC"),
        (["--select", ","], "specify at least one code, such as RC102"),
        (["--format", "xml"], "'xml' is not one of"),
        (["no-such-folder"], "no-such-folder: the submission does not exist"),
        (["README.md"], "README.md: this is a file; specify its folder, ."),
        (["/dev/zero"], "/dev/zero: "),
    ],
)
def test_invalid_usage_is_reported_in_one_line_with_exit_status_2(arguments: list[str], reason: str) -> None:
    assert reason in usage_error(run_check(*arguments))
