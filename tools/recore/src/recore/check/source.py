"""A submission's parsed files and the modules that its scripts import, for the source rules."""

import ast
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from recore.check.container import is_in_container, provided_modules
from recore.check.script import ENTRY_POINTS, MAX_DEPTH, ImportStatement, Script, keywords_of, parse_script, strings_of
from recore.check.submission_tree import SubmissionTree, UnreadableFile
from recore.distribution import PACKAGES
from recore.evaluation import find_packages, find_uploads
from recore.failures import module_in_other_case
from stagemaker import RequirementLine, read_requirements

SETUP = ("setup", "setuptools.setup", "distutils.core.setup")


@dataclass(frozen=True)
class SetupFile:
    """A parsed setup.py: its calls to setup(), and the line numbers of modules, packages and unreadable arguments."""

    script: Script
    calls: list[ast.Call]
    modules: dict[str, int] = field(default_factory=dict)
    packages: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, int] = field(default_factory=dict)

    @property
    def line(self) -> int:
        """The line of the argument py_modules, or of the call to setup() if the argument is missing."""
        return keywords_of(self.calls[0]).get("py_modules", self.calls[0]).lineno if self.calls else 0


def read_setup_file(script: Script, folder: Path) -> SetupFile:
    """Read the modules and packages from a parsed setup.py. folder: the submission, where find_packages() searches."""
    calls = [node for node, _ in script.calls if script.name_of(node.func) in SETUP]
    setup = SetupFile(script, calls)
    for call in calls:
        keywords = keywords_of(call)
        if None in keywords:
            setup.unreadable["**"] = keywords[None].lineno
        for argument, listed in (("py_modules", setup.modules), ("packages", setup.packages)):
            value = keywords.get(argument)
            if value is None or (argument == "packages" and find_packages(value, folder) is not None):
                continue  # the packages that find_packages() finds exist
            names = _names(value)
            if names is None:
                setup.unreadable[argument] = value.lineno
            else:
                listed.update(names)
    return setup


def _names(value: ast.expr) -> dict[str, int] | None:
    """Map each string in a list to its line number, or return None if the list contains anything else."""
    if not isinstance(value, ast.List | ast.Tuple):
        return None
    names, lines = strings_of(value.elts), [item.lineno for item in value.elts]
    return dict(zip(names, lines, strict=True)) if len(names) == len(lines) else None


MAX_SCRIPTS = 500  # that are read


class SubmissionSource:
    """A submission that is read but not executed. targets: the targets' names, in the order of predictions.

    Raises FileNotFoundError if the submission does not exist, and ValueError if an archive is invalid.
    """

    def __init__(self, path: Path, targets: tuple[str, ...]):
        self.tree = SubmissionTree(path)
        self.targets = targets
        self._scripts: dict[str, Script | None] = {}

    def script(self, file: str) -> Script | None:
        """Return a parsed Python file, or None if it cannot be read."""
        if file not in self._scripts:
            self._scripts[file] = None
            with suppress(UnreadableFile):
                self._scripts[file] = parse_script(file, self.tree.read(file))
        return self._scripts[file]

    def find_module(self, dotted: str) -> str | None:
        """Return the path of a module, or None if it is not part of the submission. The path is `a/b.py`,
        `a/b/__init__.py`, or the folder `a/b` of a package without __init__.py.
        """
        path = dotted.replace(".", "/")
        for file in (f"{path}/__init__.py", f"{path}.py"):
            if self.tree.is_file(file):
                return file
        top = dotted.partition(".")[0]
        if not is_in_container(top) and any(name.endswith(".py") for name in self.tree.list_folder(path)):
            return path
        return None

    def find_other_case(self, module: str) -> str | None:
        """Return the top-level file or folder whose name differs from a module's only in case, or None."""
        files = [name for name in self.tree.list_folder("") if name.endswith(".py")]
        return module_in_other_case(module, [*files, *self._module_folders])

    def follow_imports(self, entry_point: str) -> list[Script]:
        """Return an entry point, followed by the scripts that it imports directly or indirectly."""
        files, reached = [entry_point], []
        for file in files:  # which grows in the loop
            script = self.script(file) if file.endswith(".py") else None
            if script is None:
                continue
            reached.append(script)
            for statement in script.imports:
                if statement.context.typing or (statement.context.main and file != entry_point):
                    continue
                files += [new for new in self.local_files(statement) if new not in files and len(files) < MAX_SCRIPTS]
        return reached

    def local_files(self, statement: ImportStatement) -> list[str]:
        """Return the files that an import executes: the module, its packages, and imported names that are modules."""
        parts = statement.module.split(".")[:MAX_DEPTH]
        dotted = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
        files = [self.find_module(name) for name in dotted]
        if files[-1] and (files[-1].endswith("__init__.py") or not files[-1].endswith(".py")):  # a package
            files += [self.find_module(f"{statement.module}.{name}") for name in statement.names if name != "*"]
        return [file for file in files if file]

    def is_available(self, statement: ImportStatement) -> bool:
        """Return whether a job that installs requirements.txt can import a module, as far as is known locally."""
        if not statement.module:
            return False
        top = statement.top
        if self.find_module(top) or is_in_container(top):
            return True
        if top in PACKAGES:  # a package of the same name on PyPI would be a different one
            return False
        if top in self.required_modules[0]:
            return True
        elsewhere = (f"/{top}.py", f"/{top}/__init__.py")  # in a folder that the scripts may add to the path
        return any(f"/{name}".endswith(elsewhere) for name in self.known_uploads)

    @cached_property
    def twin_modules(self) -> set[str]:
        """The modules that exist both as a file and as a folder, of which Python imports only one."""
        return {name for name in self._module_folders if self.tree.is_file(f"{name}.py")}

    @cached_property
    def _module_folders(self) -> list[str]:
        names = self.tree.list_folder("")
        return [name for name in names if any(file.endswith(".py") for file in self.tree.list_folder(name))]

    @cached_property
    def scripts(self) -> list[Script]:
        """train.py, preprocess.py, and all scripts that they import directly or indirectly."""
        scripts = [script for entry_point in ENTRY_POINTS for script in self.follow_imports(entry_point)]
        return list({script.file: script for script in scripts}.values())

    @cached_property
    def setup(self) -> SetupFile | None:
        """The parsed setup.py, or None if it cannot be read. An archive has no setup.py."""
        script = self.script("setup.py")
        return read_setup_file(script, self.tree.path) if script else None

    @cached_property
    def requirements(self) -> list[RequirementLine]:
        """The lines of requirements.txt; empty if it cannot be read."""
        with suppress(UnreadableFile):
            return read_requirements(self.tree.read("requirements.txt"))
        return []

    @cached_property
    def required_modules(self) -> tuple[set[str], list[str]]:
        """The modules that requirements.txt provides, and its packages whose modules are unknown."""
        return provided_modules(self.requirements)

    @property
    def known_uploads(self) -> dict[str, int]:
        """`uploads`, or an empty dict if the files cannot be determined."""
        with suppress(ValueError, OSError):
            return self.uploads
        return {}

    @cached_property
    def uploads(self) -> dict[str, int]:
        """The files that are uploaded, with their sizes in bytes. Raises ValueError if they cannot be determined."""
        if not self.tree.is_folder:
            return self.tree.sizes
        folder = self.tree.path
        return {path.relative_to(folder).as_posix(): path.stat().st_size for path in find_uploads(folder)}
