"""Apply the rules that run a submission, each after the rules that it depends on, and return their findings."""

import graphlib
import itertools
import runpy
import tempfile
from pathlib import Path
from typing import Any

from support.checkout import ROOT

from recore.check.catalogue import load_catalogue
from recore.check.experiments import Experiments
from recore.check.public_data import PublicData
from recore.check.rule import Finding, Level, Rule
from recore.evaluation.job_requests import RunSettings
from recore.evaluation.submission import read_submission
from recore.places.place import Services
from stagemaker.server import BUCKET, ROLE_ARN, Simulator

numbers = itertools.count()


def running_rules() -> dict[str, Rule]:
    """Return the rules that run the submission, by rule code."""
    return {rule.code: rule for rule in load_catalogue() if rule.runs}


def open_experiments(simulator: Simulator, submission: Path, public: Path, folder: Path) -> Experiments:
    host: dict[str, Any] = runpy.run_path(str(ROOT / "score.py"))
    services = Services(simulator.client)
    settings = RunSettings(f"check-{next(numbers)}", BUCKET, ROLE_ARN, pass_paths=not simulator.isolation_enforced)
    weights = dict(zip(host["TARGETS"], map(float, host["WEIGHTS"]), strict=True))
    data = PublicData(public, tuple(host["TARGETS"]))
    return Experiments(services, settings, read_submission(submission), data, weights, folder)


def check(
    simulator: Simulator, submission: Path, public: Path, codes: tuple[str, ...] = ()
) -> dict[str, list[Finding]]:
    """Return the findings by rule, for rules that have any. codes: the rules to apply, by default all but RC8."""
    rules = running_rules()
    selected_codes = set(codes) or {code for code in rules if not code.startswith("RC8")}
    findings_by_code: dict[str, list[Finding]] = {}
    blocked_codes: set[str] = set()
    with (
        tempfile.TemporaryDirectory() as folder,
        open_experiments(simulator, submission, public, Path(folder)) as experiments,
    ):
        if not codes:
            experiments.start_all()
        for code in graphlib.TopologicalSorter({code: rules[code].needs for code in sorted(rules)}).static_order():
            if code not in selected_codes or blocked_codes & set(rules[code].needs):
                blocked_codes |= {code} & selected_codes
                continue
            findings = list(rules[code].inspect(experiments))
            if findings:
                findings_by_code[code] = findings
            if any(finding.level is Level.ERROR for finding in findings):
                blocked_codes.add(code)
    return findings_by_code
