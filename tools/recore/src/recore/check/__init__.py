"""The upload check: rules that read a submission's source, and rules that run the submission in a sandbox."""

from recore.check.local_simulator import open_experiments
from recore.check.output import explain, is_negative, list_rules, summarise, to_github, to_json, to_lines, to_text
from recore.check.recomputed_held_out import recompute_held_out
from recore.check.runner import RuleResult, check_source, choose_codes, load_catalogue, run_rules
from recore.check.source import SubmissionSource
