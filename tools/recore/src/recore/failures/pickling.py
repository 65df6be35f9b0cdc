"""Hints for a model that cannot be saved because pickle (and so joblib) cannot write one of its objects."""

import re

# A pickle holds the names of functions and classes, and asks for those where it is loaded.
NAMED = "define it with a name at the top level of a module that setup.py names, and use it from there."
# by the messages of pickle, its Python implementation and joblib; {0} is the name in the message
HINTS = {
    r"(<lambda>)": f"a lambda has no name that a pickle could refer to: {NAMED}",
    r"(\w+)\.<locals>\.([\w.]+)": f"{{1}} is defined inside {{0}}, where a pickle cannot refer to it: {NAMED}",
    r"not the same object as ([\w.]+)": "{0} now names another object: do not give its name to something else, also "
    "not by a decorator, and import its module under one name only, as the template's main() does with `import train`.",
    r"attribute lookup (\w+) on ([\w.]+) failed|not found as ([\w.]+)\.(\w+)": f"a pickle does not find an object by "
    f"its name: {NAMED}",
    r"cannot pickle '(generator|async_generator|coroutine)'": "the model contains a {0}: keep its values instead, for "
    "example in a list.",
    r"cannot pickle '(TextIOWrapper|Buffered\w+|_io\.\w+|FileIO)'": "the model contains an open file: keep its content "
    "or its path instead, and open files in model_fn.",
    r"cannot pickle '(module)'": "the model contains a module: keep the function or the class that it needs instead.",
    r"cannot pickle '([\w.]+)'": "the model contains an object of the type {0}, which exists only in the process that "
    "made it: keep what predictions need, and make such objects in model_fn.",
}


def pickling_hint(message: str) -> str | None:
    """What to do about the message of an exception; None if it does not say that an object cannot be pickled."""
    if not re.search(r"(?i)can(?:'t|not) (?:pickle|get local object)|not the same object as|not found as", message):
        return None
    for pattern, hint in HINTS.items():
        if found := re.search(pattern, message):
            return hint.format(*found.groups())
    return None
