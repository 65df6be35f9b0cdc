"""docs/check-rules.md describes exactly the rules that exist, and its workflow runs an existing command."""

import subprocess
import sys

import yaml
from recore_support.check_page import PAGE, page
from support.checkout import ROOT, environment

from recore.check.catalogue import load_catalogue

WORKFLOW = ROOT / ".github/workflows/check.yml"


def test_the_page_is_generated_from_the_rules() -> None:
    assert PAGE.read_text("utf-8") == page(), (
        f"{PAGE} is outdated: run `python tools/recore/tests/recore_support/check_page.py`"
    )


def test_every_rule_explains_the_problem_and_the_fix() -> None:
    for rule in load_catalogue():
        assert "\nFix: " in rule.documentation, rule.code
        assert len(rule.documentation) > 200, rule.code
        assert f"### {rule.code} {rule.name}\n" in PAGE.read_text("utf-8")


def test_the_workflow_runs_the_check_on_pull_requests_without_permissions() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text("utf-8"))
    assert "pull_request" in workflow[True]  # YAML 1.1 reads the key `on` as a boolean
    assert workflow["permissions"] == {"contents": "read"}
    command = workflow["jobs"]["check"]["steps"][-1]["run"].split()
    assert command[0] == ".venv/bin/python"
    result = subprocess.run(
        [sys.executable, *command[1:], "--source-only"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("check: no findings from ")
