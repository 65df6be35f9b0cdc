"""The challenge: its targets, weights, units and IDs, as the host's score.py defines them.

The script is read and never run, because a folder's score.py can be anybody's. A fork of the template has its own
challenge; anywhere else it is the template's.
"""

import ast
import contextlib
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from recore.distribution import TEMPLATE
from recore.schema import DEPTHS, is_wavenumber
from recore.text import plain

SCORE_SCRIPT = "score.py"
LARGEST = 1 << 20  # bytes of a score.py
UNITS_IN_NAMES = {"PPM": "ppm", "PPB": "ppb", "PCT": "%"}  # by the end of a target's name
# drill hole, a hole, Holes: as a word, not in the name of a file or an option
_BEFORE, _AFTER = r"(?<![\w./=\x22-])", r"(?![\w/=\x22-]|\.\w)"
HOLES = re.compile(rf"{_BEFORE}(?P<article>an? )?(?P<word>(?:drill )?hole)(?P<plural>s?){_AFTER}", re.IGNORECASE)
RESERVED = ("index", "sample", "name", "domain")  # columns of tables that recore reads or writes
LONGEST_NAME = 80  # characters of a column's name
NAMES = ("TITLE", "SUBJECT", "WEIGHTS", "UNITS", "IDS", "GROUP", "GROUP_NAME")  # what is read of score.py


@dataclass(frozen=True, eq=False)
class Challenge:
    """weights: by target, in the order of predictions. units: of targets whose name does not state one.

    ids: the columns that identify a sample. group: the ID whose rows are held out together; group_name: what it
    identifies, such as a drill hole. title: of the challenge. subject: what is measured, such as spectra of soils.
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
        """The target with the largest weight, for messages."""
        return max(self.weights, key=self.weights.__getitem__)

    @cached_property
    def columns(self) -> frozenset[str]:
        """The names of IDs and targets."""
        return frozenset((*self.ids, *self.weights))

    @property
    def depths(self) -> tuple[str, ...]:
        """The IDs that are depths, from and to; none in a challenge without them."""
        return DEPTHS if set(DEPTHS) <= set(self.ids) else ()

    @cached_property
    def sample_ids(self) -> tuple[str, ...]:
        """The IDs in the order of tables: the group, the depths, the others."""
        first = (self.group, *self.depths)
        return (*first, *(name for name in self.ids if name not in first))

    def unit(self, target: str) -> str:
        """The unit of a target as texts have it, such as ppm, %, or g/kg; "" if it has none."""
        return self.units.get(target, UNITS_IN_NAMES.get(target[-3:], ""))

    def unknown_columns(self, names: Iterable[str]) -> list[str]:
        """The names that are neither an ID, a target nor a wavenumber."""
        return [name for name in names if name not in self.columns and not is_wavenumber(name)]

    def describe(self) -> dict[str, Any]:
        """The challenge as a dictionary for JSON, from which `Challenge(**content)` makes an equal one."""
        return asdict(self)


_in_use: Challenge | None = None


def challenge() -> Challenge:
    """The challenge in use: that of `using`, otherwise that of the working folder's score.py or of the template's.

    Raises ValueError if the working folder's score.py defines WEIGHTS, but not as a challenge needs it.
    """
    return _in_use or _of_script(score_script())


def use(chosen: Challenge) -> None:
    """Make a challenge the one in use, as long as this process lives."""
    global _in_use
    _in_use = chosen


@contextlib.contextmanager
def using(chosen: Challenge) -> Iterator[None]:
    """Make a challenge the one in use."""
    global _in_use
    earlier, _in_use = _in_use, chosen
    try:
        yield
    finally:
        _in_use = earlier


def reword(text: str) -> str:
    """A text of recore's own with the challenge's word for its groups instead of drill hole."""
    try:
        name = challenge().group_name
    except (ValueError, OSError):  # which the command itself reports
        return text
    if not name or name == "drill hole":
        return text

    def replace(match: re.Match[str]) -> str:
        article, capital, plural = match["article"] or "", match["word"][0].isupper(), match["plural"]
        word = f"{name[0].upper()}{name[1:]}" if capital else name
        if article:
            article = f"{article[0]}{'n' * (name[0].lower() in 'aeiou')} "
        return f"{article}{word}{plural}"

    return HOLES.sub(replace, text)


def score_script() -> Path:
    """The score.py of the working folder if it defines a challenge, otherwise the template's."""
    own = Path(SCORE_SCRIPT)
    with contextlib.suppress(OSError):
        status = own.stat()
        if stat.S_ISREG(status.st_mode) and _defines_weights(os.path.abspath(own), status.st_mtime_ns, status.st_size):
            return own.absolute()
    return TEMPLATE / SCORE_SCRIPT


def read_challenge(path: Path) -> Challenge:
    """Read the challenge that a score.py defines. Raises ValueError or OSError."""
    return parse_challenge(read_script(path), path)


def read_script(path: Path) -> bytes:
    """The content of a score.py. Raises ValueError if it is too large, OSError if it cannot be read."""
    with open(path, "rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"{path}: the file is larger than {LARGEST >> 20} MB")
    return content


def parse_challenge(content: bytes, place: Path | str = SCORE_SCRIPT) -> Challenge:
    """The challenge that the text of a score.py defines. Raises ValueError, which names the place."""
    values = _read_values(content, place)
    if "WEIGHTS" not in values:
        raise ValueError(f"{place}: it does not define WEIGHTS, a dictionary of targets and weights")
    weights = _check_table("WEIGHTS", values["WEIGHTS"], (int, float), place)
    units = _check_table("UNITS", values.get("UNITS", {}), (str,), place)
    ids = values.get("IDS")
    if not isinstance(ids, list | tuple) or not all(isinstance(name, str) for name in ids):
        raise ValueError(f"{place}: IDS is not a list of names")
    texts = {name: str(values.get(name, default)) for name, default in TEXTS.items()}
    try:
        numbers = {name: float(weight) for name, weight in weights.items()}
    except OverflowError:
        raise ValueError(f"{place}: a weight is too large") from None
    made = Challenge(
        weights=numbers,
        units=units,
        ids=tuple(ids),
        group=str(values.get("GROUP", "")),
        group_name=texts["GROUP_NAME"],
        title=texts["TITLE"],
        subject=texts["SUBJECT"],
    )
    check_challenge(made, place)
    return made


def check_challenge(made: Challenge, place: Path | str) -> None:
    """Raise ValueError, which names the place, if the parts of a challenge do not fit together."""
    names, reason = (*made.weights, *made.ids), ""
    if not made.weights:
        reason = "there is no target"
    elif unknown := [name for name in made.units if name not in made.weights]:
        reason = f"there is a unit of {unknown[0]!r}, which is not a target"
    elif made.group not in made.ids:
        reason = f"the group, {made.group!r}, is not one of the IDs" if made.group else "there is no GROUP"
    elif repeated := [name for name, number in Counter(names).items() if number > 1]:
        reason = f"{repeated[0]!r} appears twice among targets and IDs"
    elif invalid := [name for name in names if not is_column_name(name)]:
        reason = f"{plain(invalid[0], 40)!r} cannot be the name of a column: a number is a channel"
    elif any(not 0 <= weight < float("inf") for weight in made.weights.values()) or not any(made.weights.values()):
        reason = "a weight is negative or not finite, or all are 0"
    elif not all(text.isprintable() for text in (*made.units.values(), made.group_name, made.title, made.subject)):
        reason = "a unit or a text is not one printable line"
    if reason:
        raise ValueError(f"{place}: {reason}")


TEXTS = {"TITLE": "Challenge", "SUBJECT": "infrared spectra", "GROUP_NAME": "group"}  # what a score.py need not define


def is_column_name(name: str) -> bool:
    """Whether a text can be the name of a target or an ID: printable, without commas and quotes, no wavenumber."""
    is_plain = len(name) <= LONGEST_NAME and name == name.strip() and name.isprintable() and not set(name) & set(",\"'")
    return bool(name) and is_plain and not is_wavenumber(name) and name.lower() not in RESERVED


def _check_table(name: str, value: Any, kinds: tuple[type, ...], place: Path | str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(
        isinstance(key, str) and isinstance(each, kinds) and not isinstance(each, bool) for key, each in value.items()
    ):
        raise ValueError(f"{place}: {name} is not a dictionary of names and {'texts' if str in kinds else 'numbers'}")
    return value


def _read_values(content: bytes, place: Path | str) -> dict[str, Any]:
    """The constants among NAMES that a script assigns at its top level."""
    try:
        body = ast.parse(content).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{place}: this is not valid Python: {' '.join(str(error).split())[:200]}") from None
    values: dict[str, Any] = {}
    for statement in body:
        if isinstance(statement, ast.Assign) and not _changed_name(statement):
            pairs = [pair for target in statement.targets for pair in _pairs(target, statement.value)]
        elif isinstance(statement, ast.AnnAssign) and statement.value:
            pairs = _pairs(statement.target, statement.value)
        else:
            if name := _changed_name(statement):
                reason = f"{name} is changed after it was written out: write it as it is meant"
                raise ValueError(f"{place}, line {statement.lineno}: {reason}")
            continue
        for name, node in pairs:
            if name in NAMES:
                values[name] = _constant(name, node, place)
    return values


def _pairs(target: ast.expr, value: ast.expr) -> list[tuple[str, ast.expr]]:
    """What an assignment binds: A = 1, or A, B = 1, 2."""
    if isinstance(target, ast.Name):
        return [(target.id, value)]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        return [pair for each in zip(target.elts, value.elts, strict=True) for pair in _pairs(*each)]
    return []


def _changed_name(statement: ast.stmt) -> str:
    """The name among NAMES that a statement changes without an assignment to it: WEIGHTS |= ..., del UNITS."""
    changed: list[ast.expr] = [statement.target] if isinstance(statement, ast.AugAssign) else []
    changed += statement.targets if isinstance(statement, ast.Delete) else []
    if isinstance(statement, ast.Assign):
        changed += [target for target in statement.targets if isinstance(target, ast.Subscript | ast.Attribute)]
    names = [node.id for target in changed for node in ast.walk(target) if isinstance(node, ast.Name)]
    return next((name for name in names if name in NAMES), "")


def _constant(name: str, node: ast.expr, place: Path | str) -> Any:
    if isinstance(node, ast.Dict):
        keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
        if repeated := [key for key, number in Counter(keys).items() if number > 1]:
            raise ValueError(f"{place}, line {node.lineno}: {name} has {repeated[0]!r} twice")
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        reason = f"{name} must be written out: the file is read and not run"
        raise ValueError(f"{place}, line {node.lineno}: {reason}") from None


@lru_cache
def _defines_weights(path: str, changed: int, size: int) -> bool:
    """Whether a file, of this time and size, is a score.py that assigns WEIGHTS."""
    if size > LARGEST:
        return False
    return re.search(rb"^WEIGHTS\b\s*(:[^=\n]*)?=", Path(path).read_bytes(), re.MULTILINE) is not None


def _of_script(path: Path) -> Challenge:
    status = path.stat()
    return _read_cached(path, status.st_mtime_ns, status.st_size)


@lru_cache
def _read_cached(path: Path, changed: int, size: int) -> Challenge:
    return read_challenge(path)
