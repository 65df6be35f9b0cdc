"""Read a pickle's opcodes to find the names that loading it would import. Nothing is unpickled.

The standard library's pickletools parses the opcodes and arguments of every protocol. Names that the pickle computes
are reported as unknown.
"""

import contextlib
import io
import pickletools
from dataclasses import dataclass, field
from typing import IO, cast

from recore.check.pickles.compression import open_decompressed
from recore.check.pickles.joblib_arrays import MAX_PADDING, read_wrapper
from recore.check.pickles.machine import Machine
from recore.check.pickles.values import VALUE_BYTES, Budget, ScanError

CHUNK = 1 << 20
NUMPY_NAMES = ("dtype", "ndarray", "_reconstruct", "scalar")  # imported by pickles of object arrays


@dataclass
class Pickle:
    """A pickle in a model. name: the file's name. size: in bytes.

    imports: pairs of module and name, in order; computed names are empty. problem: why it could not be read completely,
    or "". is_foreign: whether it does not begin like a pickle. has_calls: whether the part that was read has a call.
    """

    name: str
    size: int
    imports: list[tuple[str, str]] = field(default_factory=list)
    problem: str = ""
    is_foreign: bool = False
    has_calls: bool = False

    @property
    def modules(self) -> list[str]:
        return sorted({module for module, _ in self.imports if module})


def scan(name: str, size: int, file: IO[bytes], budget: Budget) -> Pickle:
    """Scan all pickles in the rest of a file, as pickle.load and joblib.load would read them."""
    pickle = Pickle(name, size)
    reading = _PickleReader(pickle.imports, budget)
    start = file.tell()
    try:
        reading.read_all(file, joblib=True)
        if reading.ambiguous:  # pickle.load interprets joblib's arrays as opcodes
            file.seek(start)
            _read_plainly(pickle.imports, file, budget)
    except Exception as error:  # pickletools raises whatever a malformed argument leads to
        pickle.problem = str(error)[:200] or type(error).__name__
        pickle.is_foreign = not (reading.opcodes or isinstance(error, ScanError))
    pickle.has_calls = reading.calls
    pickle.imports = list(dict.fromkeys(pickle.imports))
    return pickle


def _read_plainly(imports: list[tuple[str, str]], file: IO[bytes], budget: Budget) -> None:
    """Add the names that pickle.load would import before it fails at the bytes of an array.

    In an array of objects, pickle.load continues to use the outer pickle's memo. It therefore looks up numpy's names in
    other modules, where they do not exist; these names are not added.
    """
    names: list[tuple[str, str]] = []
    with contextlib.suppress(Exception):
        _PickleReader(names, budget).read_all(file, joblib=False)
    if budget.is_exhausted:  # otherwise pickle.load fails at the same opcode
        raise ScanError("the model is too large to read")
    imports.extend(each for each in names if each[1] not in NUMPY_NAMES)


class _PickleReader:
    """A reader of pickles. calls: Pickle.has_calls. ambiguous: whether pickle.load would read an array as opcodes."""

    def __init__(self, imports: list[tuple[str, str]], budget: Budget):
        self._imports, self._budget = imports, budget
        self.opcodes = 0
        self.ambiguous = self.calls = False

    def read_all(self, file: IO[bytes], joblib: bool) -> None:
        """Read all pickles as joblib.load (if `joblib`) or pickle.load does. Raises an exception if one is invalid."""
        content = _Opcodes(open_decompressed(file, self._budget), self._budget.limits[VALUE_BYTES])
        self.read_pickle(content, joblib)
        while not content.is_at_end():
            before = self.opcodes
            try:
                self.read_pickle(content, joblib)
            except Exception:
                if self.opcodes == before:
                    raise ScanError("the pickle is followed by other data") from None
                raise

    def read_pickle(self, content: "_Opcodes", joblib: bool, outer: Machine | None = None) -> None:
        machine = Machine(self._imports, self._budget, outer)
        frame_end = 0
        for opcode, argument, position in pickletools.genops(cast(IO[bytes], content)):
            self._budget.consume("opcodes")
            try:
                machine.step(opcode.name, argument)
            except LookupError:
                raise ValueError(f"the opcode {opcode.name} needs more items than the stack or the memo has") from None
            self.opcodes += 1
            self.calls |= machine.has_calls
            at_end = frame_end <= cast(int, position)
            if opcode.name == "FRAME":
                if not at_end:
                    raise ScanError("it contains a frame within a frame")
                frame_end = content.tell() + int(argument or 0)
            elif not at_end and content.tell() > frame_end:
                raise ScanError("an opcode extends beyond its frame")
            if machine.arrays and joblib:
                _require_frame_end(frame_end, content)
                self._read_array(machine, content)
        _require_frame_end(frame_end, content)

    def _read_array(self, machine: Machine, content: "_Opcodes") -> None:
        dtype, size, padded = read_wrapper(machine.arrays.pop())
        if dtype.hasobject:
            self.ambiguous = True
            self.read_pickle(content, joblib=False, outer=machine)
        elif padded:
            length = int.from_bytes(content.read(1))
            if not 1 <= length <= MAX_PADDING or content.read(length) != b"\xff" * length:  # not opcodes
                raise ScanError("the padding of an array differs from joblib's")
            content.skip(size)
        else:
            self.ambiguous = True
            content.skip(size)


def _require_frame_end(frame_end: int, content: "_Opcodes") -> None:
    """Raise ScanError if a frame has not ended, because not all unpicklers read an entire frame at once."""
    if content.tell() < frame_end:
        raise ScanError("a frame continues after its last opcode")


class _Opcodes:
    """A file from which pickletools reads. max_size: of one value, in bytes; small files can contain huge values."""

    def __init__(self, file: io.BufferedReader, max_size: int):
        self._file, self._max_size = file, max_size
        self._position = 0

    def tell(self) -> int:
        return self._position

    def is_at_end(self) -> bool:
        return not self._file.peek(1)

    def read(self, size: int) -> bytes:
        return self._advance(self._file.read(self._checked(size)))

    def readline(self) -> bytes:
        line = self._advance(self._file.readline(self._max_size + 1))
        self._checked(len(line))
        return line

    def skip(self, size: int) -> None:
        while size:
            data = self.read(min(size, CHUNK))
            if not data:
                raise ScanError("an array ends early")
            size -= len(data)

    def _checked(self, size: int) -> int:
        if size > self._max_size:
            raise ScanError(f"it contains a value of more than {self._max_size >> 20} MiB")
        return size

    def _advance(self, data: bytes) -> bytes:
        self._position += len(data)
        return data
