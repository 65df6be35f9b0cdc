"""Operators: each returns a change, which edits the files of a submission's folder.

A change raises ValueError if the folder does not contain what it changes, so that no mutant is silently the original.
"""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Change = Callable[[Path], None]


@dataclass(frozen=True)
class Mutant:
    """A change with a name, and what it is meant to be: one of KINDS in catalogue.py."""

    name: str
    kind: str
    change: Change


def both(*changes: Change) -> Change:
    """Make several changes, one after another."""

    def change(folder: Path) -> None:
        for each in changes:
            each(folder)

    return change


def replace(file: str, old: str, new: str) -> Change:
    """Replace a text that appears once in a file, so that an edit changes only what it was written for."""

    def change(folder: Path) -> None:
        text = (folder / file).read_text()
        if (times := text.count(old)) != 1:
            raise ValueError(f"{file} holds {old!r} {times} times")
        (folder / file).write_text(text.replace(old, new))

    return change


def replace_all(file: str, old: str, new: str) -> Change:
    """Replace a text wherever it appears in a file."""

    def change(folder: Path) -> None:
        text = (folder / file).read_text()
        if old not in text:
            raise ValueError(f"{file} does not hold {old!r}")
        (folder / file).write_text(text.replace(old, new))

    return change


def write(file: str, text: str) -> Change:
    """Add a file, or replace it completely."""

    def change(folder: Path) -> None:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)

    return change


def require(text: str) -> Change:
    """Add a requirements.txt, and a MANIFEST.in so that it is uploaded."""
    return both(write("MANIFEST.in", "include requirements.txt\n"), write("requirements.txt", text))


def delete(file: str) -> Change:
    return lambda folder: (folder / file).unlink()


def insert(file: str, text: str, before: str) -> Change:
    """Insert lines before the first line that begins with a text."""

    def change(folder: Path) -> None:
        lines = (folder / file).read_text().splitlines(keepends=True)
        number = next((number for number, line in enumerate(lines) if line.startswith(before)), None)
        if number is None:
            raise ValueError(f"{file} has no line that begins with {before!r}")
        (folder / file).write_text("".join([*lines[:number], text.rstrip("\n") + "\n", *lines[number:]]))

    return change


def rename(old: str, new: str) -> Change:
    """Rename an identifier in all scripts, as an editor does."""

    def change(folder: Path) -> None:
        files = [path for path in folder.glob("*.py") if re.search(rf"\b{old}\b", path.read_text())]
        if not files:
            raise ValueError(f"no script holds {old}")
        for path in files:
            path.write_text(re.sub(rf"\b{old}\b", new, path.read_text()))

    return change


def on_tree(file: str, edit: Callable[[ast.Module], bool]) -> Change:
    """Edit a script's syntax tree, and write it again without comments. edit: returns whether it changed the tree."""

    def change(folder: Path) -> None:
        tree = ast.parse((folder / file).read_text())
        if not edit(tree):
            raise ValueError(f"{file} has nothing to edit")
        (folder / file).write_text(ast.unparse(ast.fix_missing_locations(tree)) + "\n")

    return change


def find_function(tree: ast.Module, name: str) -> ast.FunctionDef:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
    raise ValueError(f"there is no function {name}")


def drop_parameter(file: str, function: str) -> Change:
    """Remove the last parameter of a function's definition."""

    def edit(tree: ast.Module) -> bool:
        return bool(find_function(tree, function).args.args.pop())

    return on_tree(file, edit)


def swap_parameters(file: str, function: str) -> Change:
    """Swap the first two parameters of a function's definition."""

    def edit(tree: ast.Module) -> bool:
        parameters = find_function(tree, function).args.args
        parameters[0], parameters[1] = parameters[1], parameters[0]
        return True

    return on_tree(file, edit)


def drop_import(file: str, number: int) -> Change:
    """Remove the n-th import statement."""

    def edit(tree: ast.Module) -> bool:
        tree.body.remove(find_imports(tree)[number])
        return True

    return on_tree(file, edit)


def find_imports(tree: ast.Module) -> list[ast.stmt]:
    return [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]


def wrap_return(file: str, function: str, expression: str) -> Change:
    """Return an expression for the return value of a function, which it refers to as `value`."""

    def edit(tree: ast.Module) -> bool:
        for node in ast.walk(find_function(tree, function)):
            if isinstance(node, ast.Return) and node.value is not None:
                target = ast.Name("value", ast.Store())
                wrapper = ast.parse(f"return ({expression})").body[0]
                assignment = ast.Assign([target], node.value)
                _replace_statement(tree, node, [assignment, wrapper])
                return True
        return False

    return on_tree(file, edit)


def _replace_statement(tree: ast.AST, old: ast.stmt, new: list[ast.stmt]) -> None:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and old in body:
            place = body.index(old)
            body[place : place + 1] = new
            return
    raise ValueError("the statement is not in the tree")
