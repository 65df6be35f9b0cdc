"""All rules: one for each module of source_rules/ and running_rules/."""

import difflib
import importlib
import inspect
import pkgutil
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from recore.check import running_rules, source_rules
from recore.check.rule import Rule
from recore.distribution import PROGRAM

FOR_HOST = "RC8"  # rules about what a stranger's submission tries


@dataclass(frozen=True)
class CatalogueEntry:
    """A rule, its documentation in Markdown, and whether it runs the submission."""

    rule: Rule[Any]
    documentation: str
    runs: bool


def load_catalogue() -> list[CatalogueEntry]:
    """All rules by code. Raises ValueError if two have one code or one name, or one needs a rule that is not there."""
    entries = [
        CatalogueEntry(module.RULE, inspect.getdoc(module) or "", package is running_rules)
        for package in (source_rules, running_rules)
        for module in _modules(package)
    ]
    entries.sort(key=lambda entry: entry.rule.code)
    for names in ([entry.rule.code for entry in entries], [entry.rule.name for entry in entries]):
        if repeated := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two rules have the code or name {min(repeated)}")
    codes = {entry.rule.code for entry in entries}
    for entry in entries:
        if missing := set(entry.rule.needs) - codes:
            raise ValueError(f"{entry.rule.code} needs {min(missing)}, which is not a rule")
    return entries


def _modules(package: ModuleType) -> list[ModuleType]:
    names = [module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")]
    return [importlib.import_module(f"{package.__name__}.{name}") for name in names]


def choose_codes(entries: list[CatalogueEntry], select: list[str], ignore: list[str], for_host: bool) -> set[str]:
    """The codes of the rules to report. select and ignore: codes, or how codes begin; without select, all rules.

    Rules for hosts are left out unless `for_host` is set or they are selected. Raises ValueError for an unknown code.
    """
    codes = [entry.rule.code for entry in entries]
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
