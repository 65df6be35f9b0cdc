"""Interpret a pickle's opcodes to find the names that it imports and the joblib arrays that it contains.

The method `step` interprets simple opcodes itself, and calls a method op_NAME for the others.
"""

from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from itertools import product
from typing import Any

from recore.check.pickles.joblib_arrays import is_wrapper
from recore.check.pickles.values import (
    MAX_ITEMS,
    AttributeReader,
    Budget,
    Dictionary,
    Dtype,
    Global,
    ScanError,
    Special,
    Value,
    Wrapper,
    WrapperArguments,
    WrapperClass,
)

EXTENSIONS = frozenset(("dill", "cloudpickle", "jsonpickle"))
# packages whose functions and classes do not return strings; other functions may
NUMERIC = frozenset("collections joblib lightgbm numpy pandas scipy sklearn xgboost".split())
READERS_OF_DTYPES = frozenset(("scalar", "_frombuffer", "_reconstruct", "dtype", "_unpickle_block"))
READERS_OF_ATTRIBUTES = {*product(("builtins", "operator", "_operator"), ("getattr", "attrgetter", "methodcaller"))}
UNKNOWN_USE = "a joblib array, or a function that reads attributes, is used in an unexpected way"
MAX_LENGTH = 1000  # length of strings and bytes that are kept
STRINGS = ("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING")
NUMBER_OPCODES = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4")
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
OTHER_OPCODES = ("FLOAT", "BINFLOAT", "EMPTY_LIST", "EMPTY_SET")


class Machine:
    """A virtual machine that interprets one pickle, with its stack and memo.

    imports: see Pickle. arrays: the states of joblib's arrays, in order. outer: the machine of the enclosing pickle,
    whose protocol some versions of joblib use to look up names.
    """

    def __init__(self, imports: list[tuple[str, str]], budget: Budget, outer: "Machine | None" = None):
        self.imports, self.outer = imports, outer
        self.arrays: list[Any] = []
        self.protocol = 0
        self.has_calls = False  # whether anything has been called
        self._stack: list[Any] = []
        self._marked: list[list[Any]] = []  # the stacks below each mark
        self._memo: dict[int, Any] = {}
        self._budget = budget

    def step(self, opcode: str, argument: Any) -> None:
        """Interpret one opcode. Raises ScanError, or LookupError if an item is missing from the stack or the memo."""
        if opcode in CONSTANTS:
            self._stack.append(CONSTANTS[opcode])
        elif opcode in STRINGS:
            self._stack.append(argument if len(argument) <= MAX_LENGTH else Value.NAMED)
        elif opcode in NUMBER_OPCODES:
            self._stack.append(argument)
        elif opcode in OTHER_OPCODES:
            self._stack.append(Value.OTHER)
        elif opcode in TUPLES:
            self._add_tuple(tuple([self._stack.pop() for _ in range(TUPLES[opcode])][::-1]))
        elif opcode.endswith("BYTES") or opcode in ("BINBYTES8", "BYTEARRAY8"):
            is_kept = len(argument) <= MAX_LENGTH and opcode != "BYTEARRAY8"
            self._stack.append(argument if is_kept else Value.OTHER)
        else:
            method = METHODS.get(opcode)
            if not method:
                raise ScanError(f"unknown opcode {opcode}")
            method(self, argument)

    def _pop(self) -> Any:
        value = self._stack.pop()
        if isinstance(value, Special):
            raise ScanError(UNKNOWN_USE)
        return value

    def _pop_many(self, count: int) -> tuple[Any, ...]:
        return tuple([self._pop() for _ in range(count)][::-1])

    def _pop_to_mark(self) -> list[Any]:
        values, self._stack = self._stack, self._marked.pop()
        return values

    def _plain_to_mark(self) -> list[Any]:
        values = self._pop_to_mark()
        if any(isinstance(value, Special) for value in values):
            raise ScanError(UNKNOWN_USE)
        return values

    # The stack and the memo

    def op_frame(self, _: int) -> None: ...  # scan checks the lengths

    def op_proto(self, protocol: int) -> None:
        self.protocol = protocol

    def op_mark(self, _: None) -> None:
        self._marked.append(self._stack)
        self._stack = []

    def op_pop(self, _: None) -> None:
        if self._stack:
            self._pop()
        else:
            self._plain_to_mark()

    def op_pop_mark(self, _: None) -> None:
        self._plain_to_mark()

    def op_dup(self, _: None) -> None:
        self._stack.extend([self._pop()] * 2)

    def op_put(self, number: Any) -> None:
        self._memo[int(number)] = self._stack[-1]

    op_binput = op_long_binput = op_put

    def op_memoize(self, _: None) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def op_get(self, number: Any) -> None:
        value = self._memo[int(number)]
        if isinstance(value, Wrapper):
            raise ScanError(UNKNOWN_USE)
        self._stack.append(value)

    op_binget = op_long_binget = op_get

    # Containers

    def op_tuple(self, _: None) -> None:
        self._add_tuple(tuple(self._pop_to_mark()))

    def _add_tuple(self, values: tuple[Any, ...]) -> None:
        if any(isinstance(value, Special) for value in values):
            if not isinstance(values[0], WrapperClass) or values[1:] != (Global("builtins", "object"), None):
                raise ScanError(UNKNOWN_USE)
            self._stack.append(WrapperArguments())
        else:
            self._stack.append(values if len(values) <= MAX_ITEMS else Value.OTHER)

    def op_list(self, _: None) -> None:
        self._plain_to_mark()
        self._stack.append(Value.OTHER)

    op_frozenset = op_list

    def op_append(self, _: None) -> None:
        self._pop()
        self._target()

    def op_appends(self, _: None) -> None:
        self._plain_to_mark()
        self._target()

    op_additems = op_appends

    def op_empty_dict(self, _: None) -> None:
        self._stack.append(Dictionary())

    def op_dict(self, _: None) -> None:
        pairs = self._plain_to_mark()
        self._stack.append(Dictionary())
        self._stack[-1].add(pairs)

    def op_setitem(self, _: None) -> None:
        self._add(list(self._pop_many(2)))

    def op_setitems(self, _: None) -> None:
        self._add(self._plain_to_mark())

    def _add(self, pairs: list[Any]) -> None:
        target = self._target()
        if isinstance(target, Dictionary):
            target.add(pairs)

    def _target(self) -> Any:
        """Return the object that the opcode changes, which stays on the stack."""
        if isinstance(self._stack[-1], Global | Special):
            raise ScanError("it changes a class or a function")
        return self._stack[-1]

    # Names

    def op_global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._import(module, name)

    def op_stack_global(self, _: None) -> None:
        module, name = self._pop_many(2)
        if isinstance(module, str) and isinstance(name, str):
            self._import(module, name)
        elif all(isinstance(value, str) or value in (Value.NAMED, Value.UNNAMED) for value in (module, name)):
            self._push_computed(name)
        else:
            raise ScanError("the name of a class is not a string")

    def _import(self, module: str, name: str) -> None:
        in_python_3 = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
        if self.outer and self.outer.protocol < 3:
            self.imports.append(in_python_3)
        if self.protocol < 3:
            module, name = in_python_3
        self.imports.append((module, name))
        if not READERS_OF_ATTRIBUTES.isdisjoint(((module, name), in_python_3)):
            self._stack.append(AttributeReader(name))
        else:
            self._stack.append(WrapperClass() if is_wrapper(module, name) else Global(module, name))

    def _push_computed(self, name: Any = None) -> None:
        """Record a class or function from a computed module or from copyreg's extension registry.

        name: its name, if known; the opcodes for the registry pass a number instead.
        """
        self.imports.append(("", name if isinstance(name, str) else ""))
        self._stack.append(Value.UNNAMED)

    op_ext1 = op_ext2 = op_ext4 = _push_computed

    # Objects

    def op_reduce(self, _: None) -> None:
        arguments = self._stack.pop()
        if isinstance(self._stack[-1], AttributeReader):
            self._read_attributes(self._stack.pop().name, arguments)
            return
        function = self._pop()
        if isinstance(arguments, WrapperArguments):
            if function != Global("copyreg", "_reconstructor"):
                raise ScanError(UNKNOWN_USE)
            self._stack.append(Wrapper())
        else:
            self._call(function, arguments)

    def op_newobj(self, _: None) -> None:
        arguments = self._pop()
        cls = self._stack.pop()
        if isinstance(cls, WrapperClass) and arguments == ():
            self._stack.append(Wrapper())
        else:
            self._call(cls, arguments, is_class=True)

    def op_newobj_ex(self, _: None) -> None:
        cls, arguments, keywords = self._pop_many(3)
        self._call(cls, (arguments, keywords), is_class=True)

    def op_inst(self, argument: str) -> None:
        self.op_global(argument)
        self._call(self._pop(), tuple(self._plain_to_mark()))

    def op_obj(self, _: None) -> None:
        cls, *arguments = self._plain_to_mark()
        self._call(cls, tuple(arguments))

    def _call(self, function: Any, arguments: Any, is_class: bool = False) -> None:
        self.has_calls = True
        if isinstance(function, Special):
            raise ScanError("a joblib array is created in an unexpected way")
        if function == Global("numpy", "dtype") and isinstance(arguments, tuple) and not is_class:
            self._stack.append(Dtype(arguments))
        elif function == Global("_codecs", "encode") and isinstance(arguments, tuple) and arguments[1:] == ("latin1",):
            characters = arguments[0]  # bytes, as protocols before 3 write them
            self._stack.append(characters.encode("latin1") if isinstance(characters, str) else Value.OTHER)
        else:
            self._mark_arguments_unknown(function, arguments)
            self._stack.append(_get_result(function, is_class))

    def _read_attributes(self, reader: str, arguments: Any) -> None:
        """Record attribute names as if they were imported, because attributes can be modules or their functions."""
        self.has_calls = True
        owner, names = None, arguments
        if isinstance(arguments, tuple) and reader != "attrgetter":
            owner, names = (arguments[0], arguments[1:2]) if reader == "getattr" else (None, arguments[:1])
        if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
            self._push_computed()
            return
        self._mark_arguments_unknown(None, arguments)
        attribute: Any = Value.NAMED
        for name in names:
            if isinstance(owner, Global):
                attribute = Global(owner.module, f"{owner.name}.{name}")
                is_wrapper(attribute.module, attribute.name)
                self.imports.append((attribute.module, attribute.name))
            else:
                self.imports.append((reader, name))
        self._stack.append(attribute)

    def _mark_arguments_unknown(self, function: Any, arguments: Any) -> None:
        """Mark the data types and dictionaries among a function's arguments as unknown: the call may change them."""
        known = isinstance(function, Global) and function.name in READERS_OF_DTYPES
        if known and function.module.split(".")[0] in NUMERIC:
            return
        seen: set[int] = set()
        waiting = [arguments]
        while waiting:
            value = waiting.pop()
            if isinstance(value, Dtype | Dictionary):
                value.known = False
            elif isinstance(value, tuple) and id(value) not in seen:
                seen.add(id(value))
                waiting.extend(value)
                self._budget.consume("function arguments", len(value))

    def op_persid(self, argument: str | None) -> None:
        if argument is None:  # BINPERSID
            self._pop()
        self._stack.append(Value.UNNAMED)

    op_binpersid = op_persid

    def op_build(self, _: None) -> None:
        state = self._pop()
        target = self._stack[-1]
        if isinstance(target, Wrapper):
            self._stack[-1] = Value.OTHER
            self.arrays.append(state)
        elif target is Value.UNNAMED and EXTENSIONS.isdisjoint(module.split(".")[0] for module, _ in self.imports):
            raise ScanError("it sets the state of an object whose class is computed")
        elif isinstance(self._target(), Dtype):
            target.known &= target.state is None
            target.state = state
        elif isinstance(target, Dictionary):
            target.known = False

    def op_readonly_buffer(self, _: None) -> None:
        self._stack[-1] = Value.OTHER

    def op_stop(self, _: None) -> None:
        self._pop()


def _get_result(function: Any, is_class: bool) -> Value:
    if not isinstance(function, Global):
        return Value.UNNAMED
    module = function.module.split(".")[0]
    return Value.OTHER if module in NUMERIC or (is_class and module != "builtins") else Value.NAMED


METHODS = {name.removeprefix("op_").upper(): method for name, method in vars(Machine).items() if name[:3] == "op_"}
