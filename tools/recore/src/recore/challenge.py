"""The challenge: its targets, weights, units and IDs, as the host's score.py defines them.

The script is parsed but never run, because it may be untrusted. If the working folder's score.py defines no challenge,
the template's challenge applies.
"""

import ast
import contextlib
import os
import re
import stat
import string
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from recore.distribution import TEMPLATE
from recore.schema import DEPTHS, is_wavenumber
from recore.spreadsheet_csv import safe_cell
from recore.text import plain

SCORE_SCRIPT = "score.py"
MAX_SCRIPT = 1 << 20  # bytes of a score.py
UNITS_IN_NAMES = {"PPM": "ppm", "PPB": "ppb", "PCT": "%"}  # by the last three letters of a target's name
# matches drill hole, a hole, Holes as separate words, not within a file name or an option
_BEFORE, _AFTER = r"(?<![\w./=\x22-])", r"(?![\w/=\x22-]|\.\w)"
HOLES = re.compile(rf"{_BEFORE}(?P<article>an? )?(?P<word>(?:drill )?hole)(?P<plural>s?){_AFTER}", re.IGNORECASE)
RESERVED_COLUMNS = ("index", "sample", "name", "domain")  # columns of tables that recore reads or writes
MAX_NAME = 80  # characters of a column's name
NAMES = ("TITLE", "SUBJECT", "WEIGHTS", "UNITS", "IDS", "GROUP", "GROUP_NAME")  # constants that are read from score.py
PUNCTUATION = frozenset(string.punctuation) - {"-"}
MUTATING_METHODS = (
    *("update", "setdefault", "pop", "popitem", "clear", "__setitem__", "__delitem__", "__ior__"),  # of a dictionary
    *("append", "extend", "insert", "remove", "sort", "reverse", "__iadd__", "__imul__"),  # of a list
)


@dataclass(frozen=True, eq=False)
class Challenge:
    """A challenge, as its score.py defines it.

    weights: the weight of each target, in the order of predictions. units: the units of targets whose names contain
    none. ids: the columns that identify a sample. group: the ID whose values group the rows held out together.
    group_name: the noun for a group, such as drill hole. subject: a description of the data, such as spectra of soils.
    """

    weights: Mapping[str, float]
    units: Mapping[str, str] = field(default_factory=dict)
    ids: tuple[str, ...] = ()
    group: str = ""
    group_name: str = ""
    title: str = ""
    subject: str = ""

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """The names of the targets, in the order of predictions."""
        return tuple(self.weights)

    @cached_property
    def example(self) -> str:
        """The target with the largest weight, which is used as an example in messages."""
        return max(self.weights, key=self.weights.__getitem__)

    @cached_property
    def columns(self) -> frozenset[str]:
        """The names of the IDs and targets."""
        return frozenset((*self.ids, *self.weights))

    @property
    def depths(self) -> tuple[str, ...]:
        """DepthFrom and DepthTo, or an empty tuple in a challenge without depths."""
        return DEPTHS if set(DEPTHS) <= set(self.ids) else ()

    @cached_property
    def sample_ids(self) -> tuple[str, ...]:
        """The IDs in the order used in tables: the group, the depths, then the others."""
        first = (self.group, *self.depths)
        return (*first, *(name for name in self.ids if name not in first))

    def unit(self, target: str) -> str:
        """Return a target's unit as it is printed, such as ppm, % or g/kg, or "" if it has none."""
        return self.units.get(target, UNITS_IN_NAMES.get(target[-3:], ""))

    def unknown_columns(self, names: Iterable[str]) -> list[str]:
        """Return the names that are not an ID, a target or a wavenumber."""
        return [name for name in names if name not in self.columns and not is_wavenumber(name)]

    def to_dict(self) -> dict[str, Any]:
        """Return the challenge as a JSON-serialisable dict, from which `Challenge(**content)` restores it."""
        return asdict(self)


_current: Challenge | None = None


def challenge() -> Challenge:
    """Return the current challenge: the one set by `activate` or `set_challenge`, otherwise the one in score_script().

    Raises ValueError if the working folder's score.py defines WEIGHTS but is not a valid challenge.
    """
    return _current or _load_challenge(score_script())


def set_challenge(new_challenge: Challenge) -> None:
    """Make a challenge current until this process ends."""
    global _current
    _current = new_challenge


@contextlib.contextmanager
def activate(new_challenge: Challenge) -> Iterator[None]:
    """Make a challenge current within the context."""
    global _current
    earlier, _current = _current, new_challenge
    try:
        yield
    finally:
        _current = earlier


def reword(message: str) -> str:
    """Replace "drill hole" in a message with the challenge's noun for its groups."""
    try:
        name = challenge().group_name
    except (ValueError, OSError):  # the command itself reports this
        return message
    if not name or name == "drill hole":
        return message

    def replace(match: re.Match[str]) -> str:
        article, capital, plural = match["article"] or "", match["word"][0].isupper(), match["plural"]
        word = f"{name[0].upper()}{name[1:]}" if capital else name
        if article:
            article = f"{article[0]}{'n' * (name[0].lower() in 'aeiou')} "
        return f"{article}{word}{plural}"

    return HOLES.sub(replace, message)


def score_script() -> Path:
    """Return the path of score.py in the working folder if it mentions WEIGHTS, otherwise in the template.

    A file that mentions WEIGHTS but does not define a valid challenge is an error, because a host means it to count.
    """
    script = Path(SCORE_SCRIPT)
    with contextlib.suppress(OSError):
        status = script.stat()
        path, version = os.path.abspath(script), (status.st_mtime_ns, status.st_size)
        if stat.S_ISREG(status.st_mode) and _mentions_weights(path, *version):
            return script.absolute()
    return TEMPLATE / SCORE_SCRIPT


def read_challenge(path: Path) -> Challenge:
    """Read the challenge that a score.py defines. Raises ValueError if it is invalid, OSError if it cannot be read."""
    return parse_challenge(read_script(path), path)


def read_script(path: Path) -> bytes:
    """Read a score.py. Raises ValueError if it is too large, OSError if it cannot be read."""
    with open(path, "rb") as file:
        content = file.read(MAX_SCRIPT + 1)
    if len(content) > MAX_SCRIPT:
        raise ValueError(f"{path}: the file is larger than {MAX_SCRIPT >> 20} MB")
    return content


def parse_challenge(content: bytes, location: Path | str = SCORE_SCRIPT) -> Challenge:
    """Parse a score.py's contents. Raises ValueError if they are invalid; the message begins with the location."""
    values = _read_values(content, location)
    if "WEIGHTS" not in values:
        raise ValueError(f"{location}: WEIGHTS, a dictionary of targets and weights, is not defined")
    weights = _require_table("WEIGHTS", values["WEIGHTS"], (int, float), location)
    units = _require_table("UNITS", values.get("UNITS", {}), (str,), location)
    ids = values.get("IDS")
    if not isinstance(ids, list | tuple) or not all(isinstance(name, str) for name in ids):
        raise ValueError(f"{location}: IDS is not a list of names")
    descriptions = {name: str(values.get(name, default)) for name, default in DEFAULTS.items()}
    try:
        numbers = {name: float(weight) for name, weight in weights.items()}
    except OverflowError:
        raise ValueError(f"{location}: a weight is too large") from None
    parsed = Challenge(
        weights=numbers,
        units=units,
        ids=tuple(ids),
        group=str(values.get("GROUP", "")),
        group_name=descriptions["GROUP_NAME"],
        title=descriptions["TITLE"],
        subject=descriptions["SUBJECT"],
    )
    check_challenge(parsed, location)
    return parsed


def check_challenge(parsed: Challenge, location: Path | str) -> None:
    """Raise ValueError if a challenge is inconsistent. The message begins with the location."""
    names, reason = (*parsed.weights, *parsed.ids), ""
    if not parsed.weights:
        reason = "no targets are defined"
    elif unknown := [name for name in parsed.units if name not in parsed.weights]:
        reason = f"UNITS contains {unknown[0]!r}, which is not a target"
    elif parsed.group not in parsed.ids:
        reason = f"the group, {parsed.group!r}, is not one of the IDs" if parsed.group else "GROUP is not defined"
    elif repeated := [name for name, number in Counter(names).items() if number > 1]:
        reason = f"{repeated[0]!r} appears twice among targets and IDs"
    elif invalid := [name for name in names if not is_column_name(name)]:
        reason = f"{plain(invalid[0], 40)!r} cannot be a column name; use no number, comma, quotation mark or formula"
    elif any(not 0 <= weight < float("inf") for weight in parsed.weights.values()) or not any(parsed.weights.values()):
        reason = "a weight is negative or not finite, or all are 0"
    elif not all(map(str.isprintable, (*parsed.units.values(), parsed.group_name, parsed.title, parsed.subject))):
        reason = "a unit or a description is not a single printable line"
    elif set(parsed.group_name) & PUNCTUATION:  # `reword` inserts it into templates of pages, as part of their source
        reason = f"GROUP_NAME, {plain(parsed.group_name, 40)!r}, is not a noun: it contains punctuation"
    if reason:
        raise ValueError(f"{location}: {reason}")


DEFAULTS = {"TITLE": "Challenge", "SUBJECT": "infrared spectra", "GROUP_NAME": "group"}  # optional constants


def is_column_name(name: str) -> bool:
    """Return whether a target or ID can have this name: no number, comma, quote, formula or reserved word."""
    is_formula = safe_cell(name) != name  # which a spreadsheet would evaluate
    is_plain = not is_formula and name == name.strip() and name.isprintable() and not set(name) & set(",\"'")
    return 0 < len(name) <= MAX_NAME and is_plain and not is_wavenumber(name) and name.lower() not in RESERVED_COLUMNS


def _require_table(name: str, value: Any, kinds: tuple[type, ...], location: Path | str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(
        isinstance(key, str) and isinstance(each, kinds) and not isinstance(each, bool) for key, each in value.items()
    ):
        raise ValueError(f"{location}: {name} must map names to {'strings' if str in kinds else 'numbers'}")
    return value


def _read_values(content: bytes, location: Path | str) -> dict[str, Any]:
    """Return the values of the constants in NAMES that a script assigns at its top level."""
    try:
        module = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{location}: this is not valid Python: {' '.join(str(error).split())[:200]}") from None
    pairs = [pair for statement in module.body for pair in _assignments(statement)]
    assigned = {target for target, _ in pairs}
    for node in ast.walk(module):
        if node not in assigned and (name := _changed_name(node)):
            reason = f"{name} is modified other than by assigning a literal at the top level; assign the final value"
            raise ValueError(f"{location}, line {getattr(node, 'lineno', 1)}: {reason}")
    named = ((target.id, value) for target, value in pairs if value)
    return {name: _constant(name, value, location) for name, value in named if name in NAMES}


def _assignments(statement: ast.stmt) -> list[tuple[ast.Name, ast.expr | None]]:
    """Return the names that a plain assignment binds, with their values (None for a mere annotation)."""
    if isinstance(statement, ast.Assign):
        return [pair for target in statement.targets for pair in _bindings(target, statement.value)]
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return [(statement.target, statement.value)]
    return []


def _bindings(target: ast.expr, value: ast.expr) -> list[tuple[ast.Name, ast.expr | None]]:
    """Return the names that an assignment binds, with their values. Supports A = 1 and A, B = 1, 2."""
    if isinstance(target, ast.Name):
        return [(target, value)]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        return [pair for each in zip(target.elts, value.elts, strict=True) for pair in _bindings(*each)]
    return []


def _changed_name(node: ast.AST) -> str:
    """Return the name in NAMES that a node binds, or whose contents it changes, as in UNITS.clear(), or ""."""
    changed: list[Any] = [getattr(node, member, None) for member in ("name", "asname", "rest")]  # def, import, match
    if isinstance(node, ast.Global):
        changed = [*node.names]
    elif isinstance(node, ast.Name | ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
        changed = [_root(node)]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATING_METHODS:
        changed = [_root(node.func)]
    return next((name for name in changed if name in NAMES), "")


def _root(node: ast.expr) -> str:
    """Return A for A, A.b and A["b"].c, otherwise ""."""
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _constant(name: str, node: ast.expr, location: Path | str) -> Any:
    if isinstance(node, ast.Dict):
        keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
        if repeated := [key for key, number in Counter(keys).items() if number > 1]:
            raise ValueError(f"{location}, line {node.lineno}: {name} contains {repeated[0]!r} twice")
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        reason = f"{name} must be a literal, because the file is not run"
        raise ValueError(f"{location}, line {node.lineno}: {reason}") from None


@lru_cache
def _mentions_weights(path: str, mtime_ns: int, size: int) -> bool:
    """Return whether a file mentions WEIGHTS or is too large. mtime_ns: so that a changed file is read again."""
    with open(path, "rb") as file:
        text = unicodedata.normalize("NFKC", file.read(MAX_SCRIPT).decode("utf-8", "replace"))  # as Python reads names
    return size > MAX_SCRIPT or re.search(r"\bWEIGHTS\b", text) is not None


def _load_challenge(path: Path) -> Challenge:
    status = path.stat()
    return _read_cached(path, status.st_mtime_ns, status.st_size)


@lru_cache
def _read_cached(path: Path, mtime_ns: int, size: int) -> Challenge:
    return read_challenge(path)
