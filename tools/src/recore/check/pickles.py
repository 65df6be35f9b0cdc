"""What a pickle would import when it is loaded, read from its opcodes. Nothing is unpickled.

By pickletools of the standard library: it names opcodes and their arguments for every protocol, and needs no further
package. What loads at run time can still differ, as a pickle can compute the names that it imports; such a name is
reported as unknown.
"""

import hashlib
import pickletools
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from recore.evaluation import HELD_OUT_NAME
from recore.untrusted_archives import open_archive

SUFFIXES = (".pkl", ".pickle", ".joblib", ".p", ".sav")
EXTENSIONS = frozenset(("dill", "cloudpickle", "joblib", "jsonpickle"))
MOST_OPCODES = 20_000_000
LARGEST_VALUE = 2 << 30  # bytes of an opcode's argument, which is read as a whole
REMEMBERED = ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT")
RECALLED = ("GET", "BINGET", "LONG_BINGET")
IGNORED = ("FRAME", *REMEMBERED)


@dataclass
class Pickle:
    """A pickle in a model. name: of the file. size: its bytes. protocol: 0 if it names none.

    imports: pairs of module and name, in their order; ("", "") stands for one that is computed. problem: why it could
    not be read to its end, empty if it could.
    """

    name: str
    size: int
    protocol: int = 0
    imports: list[tuple[str, str]] = field(default_factory=list)
    problem: str = ""

    @property
    def modules(self) -> list[str]:
        return sorted({module for module, _ in self.imports if module})


def read_pickles(archive: Path) -> list[Pickle]:
    """The pickles in a model.tar.gz, by their names. Raises ValueError if the archive cannot be read."""
    with open_archive(archive) as members:
        return [
            scan(member.name.removeprefix("./"), member.size, content)
            for member, content in members
            if content and member.name.endswith(SUFFIXES)
        ]


def scan(name: str, size: int, file: IO[bytes]) -> Pickle:
    """Read a pickle's opcodes."""
    pickle = Pickle(name, size)
    strings: list[Any] = []  # of the last values that were pushed: texts, None for others
    memo: dict[int, Any] = {}
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(cast(IO[bytes], _Bounded(file)))):
            if count > MOST_OPCODES:
                pickle.problem = f"more than {MOST_OPCODES:,} opcodes"
                break
            step(pickle, opcode.name, argument, strings, memo)
    except Exception as error:  # pickletools raises whatever a malformed argument leads to
        pickle.problem = f"not a plain pickle: {str(error)[:200]}"
    pickle.imports = list(dict.fromkeys(pickle.imports))
    return pickle


class _Bounded:
    """A file for pickletools of which no value that is too large is read: archives of zeros are small."""

    def __init__(self, file: IO[bytes]):
        self._file, self.tell = file, file.tell

    def read(self, size: int) -> bytes:
        if size > LARGEST_VALUE:
            raise ValueError(f"a value of more than {LARGEST_VALUE >> 20} MiB")
        return self._file.read(size)

    def readline(self) -> bytes:
        line = self._file.readline(LARGEST_VALUE + 1)
        if len(line) > LARGEST_VALUE:
            raise ValueError(f"a line of more than {LARGEST_VALUE >> 20} MiB")
        return line


def step(pickle: Pickle, opcode: str, argument: Any, strings: list[Any], memo: dict[int, Any]) -> None:
    """Follow one opcode as far as texts on the stack are concerned."""
    if opcode in ("GLOBAL", "INST"):
        module, _, name = str(argument).partition(" ")
        if pickle.protocol < 3:  # names of Python 2
            module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
        pickle.imports.append((module, name))
        strings.append(None)
    elif opcode == "STACK_GLOBAL":
        module, name = [None, None, *strings][-2:]
        pickle.imports.append((module, name) if isinstance(module, str) and isinstance(name, str) else ("", ""))
        strings.append(None)
    elif opcode in REMEMBERED:
        memo[len(memo) if opcode == "MEMOIZE" else int(argument)] = strings[-1] if strings else None
    elif opcode in RECALLED:
        strings.append(memo.get(int(argument)))
    elif opcode == "PROTO":
        pickle.protocol = int(argument)
    elif opcode not in IGNORED:
        strings.append(argument if isinstance(argument, str) and ("UNICODE" in opcode or "STRING" in opcode) else None)
    del strings[:-4]


def short(imports: list[tuple[str, str]]) -> Iterator[str]:
    """Imports as they are written in Python."""
    return (f"{module}.{name}" if module else "a computed name" for module, name in imports)


def same_models(first: Path, second: Path) -> bool:
    """Whether two model.tar.gz hold the same files with the same content, held-out predictions left aside."""
    return _digests(first) == _digests(second)


def size_of(archive: Path) -> int:
    """The bytes of all files in a model.tar.gz, unpacked. Raises ValueError if it cannot be read."""
    with open_archive(archive) as members:
        return sum(member.size for member, content in members if content)


def _digests(archive: Path) -> dict[str, str]:
    with open_archive(archive) as members:
        return {
            member.name: hashlib.file_digest(content, "sha256").hexdigest() if content else ""
            for member, content in members
            if member.name.removeprefix("./") != HELD_OUT_NAME
        }
