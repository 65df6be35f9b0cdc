"""All rules: one for each module of source_rules/ and running_rules/."""

import difflib
import importlib
import pkgutil

from recore.check import running_rules, source_rules
from recore.check.rule import Rule
from recore.distribution import PROGRAM

FOR_HOST = "RC8"  # rules about what a stranger's submission tries


def load_catalogue() -> list[Rule]:
    """All rules by code. Raises ValueError if two have one code or one name, or one needs a rule that is not there."""
    rules = sorted(
        (
            importlib.import_module(f"{package.__name__}.{module.name}").inspect
            for package in (source_rules, running_rules)
            for module in pkgutil.iter_modules(package.__path__)
        ),
        key=lambda rule: rule.code,
    )
    for names in ([rule.code for rule in rules], [rule.name for rule in rules]):
        if repeated := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two rules have the code or name {min(repeated)}")
    codes = {rule.code for rule in rules}
    for rule in rules:
        if missing := set(rule.needs) - codes:
            raise ValueError(f"{rule.code} needs {min(missing)}, which is not a rule")
    return rules


def choose_codes(rules: list[Rule], select: list[str], ignore: list[str], for_host: bool) -> set[str]:
    """The codes of the rules to report. select and ignore: codes, or how codes begin; without select, all rules.

    Rules for hosts are left out unless `for_host` is set or they are selected. Raises ValueError for an unknown code.
    """
    codes = [rule.code for rule in rules]
    for prefix in [*select, *ignore]:
        if not any(code.startswith(prefix) for code in codes):
            closest = max(codes, key=lambda code: _similarity(code, prefix))
            hint = f"`{PROGRAM} check --list` lists all rules"
            raise ValueError(f"there is no rule {prefix!r}: did you mean {closest}? {hint}")
    chosen = {code for code in codes if not select or code.startswith(tuple(select))}
    if not select and not for_host:
        chosen -= {code for code in codes if code.startswith(FOR_HOST)}
    return {code for code in chosen if not (ignore and code.startswith(tuple(ignore)))}


def _similarity(code: str, other: str) -> tuple[int, float]:
    """How similar two codes are: how long their common beginning is, then how many characters they share."""
    equal = [*(one == another for one, another in zip(code, other, strict=False)), False]
    return equal.index(False), difflib.SequenceMatcher(None, code, other).ratio()
