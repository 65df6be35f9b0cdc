"""Read the files of a submission, select the files for each job, and pack them for upload.

| job | files |
|---|---|
| training job | all files of the submission, as `unearthed build` packs them: `SubmissionFiles.archive` |
| preprocessing jobs | only preprocess.py: `SubmissionFiles.script` |
| transform jobs | the model with all files of the submission: `SubmissionFiles.join` |
| scoring jobs | the host's score.py, but no files of the submission |
"""

import ast
import gzip
import hashlib
import io
import os
import tarfile
import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from recore.failures import similar_file_fix
from recore.file_kinds import GZIP
from recore.text import is_utf_8
from recore.untrusted_archives import open_archive
from stagemaker import remove_owner

ARCHIVE_NAME = "src.tar.gz"
SCRIPTS = ("train.py", "preprocess.py")
MAX_SIZE = 256 << 20  # maximum total bytes of all files
MAX_LIST_BYTES = 1 << 20  # maximum size of setup.py, and of MANIFEST.in
# Files that the client's build drops at the top level of the archive, in addition to *.tar.gz and *.egg-info. Archives
# from other tools may contain them; they would change how the training toolkit and AWS's image install the submission.
BUILD_FILES = ("setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in", "PKG-INFO")
# files that setuptools adds in the client's build: the first of README, and licences unless setup.py names others
README = ("README", "README.rst", "README.txt", "README.md")
LICENSES = ("LICEN[CS]E*", "COPYING*", "NOTICE*", "AUTHORS*")
TESTS = "test/test*.py"
SKIPPED_FOLDERS = ("build", ".git", ".hg", ".svn", "CVS", "RCS", ".bzr", "_darcs")  # folders that setuptools leaves out
MANIFEST = {  # commands of MANIFEST.in that add files, with their glob patterns
    "include": "{0}",
    "recursive-include": "{0}/**/{1}",
    "global-include": "**/{0}",
    "graft": "{0}/**/*",
}
BYTE_ORDER_MARK = "\ufeff"  # at the beginning of files from editors on Windows
ALTERNATIVE = "or submit the src.tar.gz that `unearthed build` writes"
PARAMETERS = {"where": ".", "exclude": (), "include": ("*",)}
EXCLUDED_PACKAGES = ("ez_setup", "*__pycache__")


@dataclass(frozen=True)
class SubmissionFiles:
    """The uploaded files by relative path, with slashes. path: the folder or archive from which they were read."""

    path: Path
    files: dict[str, bytes]

    @property
    def script(self) -> bytes:
        """The content of preprocess.py, the only file that preprocessing jobs receive."""
        return self.files["preprocess.py"]

    @property
    def archive(self) -> bytes:
        """All files as a reproducible tar.gz."""
        return pack_files(self.files)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.archive).hexdigest()

    def join(self, model: Path, destination: Path, wheels: Mapping[str, Path] = {}) -> None:
        """Write a model.tar.gz with the submission under code/ and its packages under wheels/.

        The server cannot fetch packages, because it has no network access. Raises ValueError like `extend_archive`.
        """
        files: dict[str, bytes | Path] = {f"code/{name}": content for name, content in self.files.items()}
        files |= {f"wheels/{name}": path for name, path in wheels.items()}
        extend_archive(model, destination, files, problem="the training job's model.tar.gz could not be read")


def extend_archive(
    model: Path, destination: Path, files: Mapping[str, bytes | Path], moved: Mapping[str, str] = {}, problem: str = ""
) -> None:
    """Write a reproducible model.tar.gz with additional files.

    Nothing is unpacked to disk. files: the files by name; a file in code/ replaces the entire folder code/. moved: new
    names of top-level folders. problem: prefix of messages. Raises ValueError if the archive is invalid or empty.
    """
    replaced = {name.split("/")[0] for name in files} - moved.keys()
    is_empty = True
    with (
        open_archive(model, problem=problem) as members,
        open(destination, "wb") as file,
        gzip.GzipFile("", "wb", 1, file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as joined,
    ):
        for member, content in members:
            if os.path.normpath(member.name).split("/")[0] in replaced:
                continue
            if content:
                is_empty = False
            elif member.islnk():
                if os.path.normpath(member.linkname).split("/")[0] in replaced:
                    continue
                member.linkname = _move(member.linkname, moved)
            elif not (member.isdir() or (member.issym() and not os.path.isabs(member.linkname))):
                continue
            member.name = _move(member.name, moved)
            joined.addfile(remove_owner(member), content)
        _add(joined, files)
    if is_empty:
        raise ValueError("the training job wrote no file to SM_MODEL_DIR, /opt/ml/model")


def _move(name: str, moved: Mapping[str, str]) -> str:
    top, slash, subpath = os.path.normpath(name).partition("/")
    return moved[top] + slash + subpath if top in moved else name


def pack_files(files: Mapping[str, bytes]) -> bytes:
    """Return files as a reproducible tar.gz."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as file, tarfile.open(fileobj=file, mode="w") as tar:
        _add(tar, files)
    return packed.getvalue()


def _add(tar: tarfile.TarFile, files: Mapping[str, bytes | Path]) -> None:
    for name, content in sorted(files.items()):
        member = tarfile.TarInfo(name)
        with open(content, "rb") if isinstance(content, Path) else io.BytesIO(content) as file:
            member.size = file.seek(0, io.SEEK_END)
            file.seek(0)
            tar.addfile(member, file)


def read_submission(path: Path) -> SubmissionFiles:
    """Read the files to upload from a folder, or from a src.tar.gz that `unearthed build` wrote. Nothing is executed.

    Raises FileNotFoundError if the path does not exist, or ValueError if files are invalid or links leave the folder.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: the submission does not exist")
    if not path.is_dir() and not path.is_file():  # reading a pipe could block forever
        raise ValueError(f"{path}: this is a pipe, socket or device, not a folder or archive")
    files = dict(_read_folder(path) if path.is_dir() else read_archive(path))
    for name in (str(path), *files):
        _check_name(name, path)
    for name in SCRIPTS:
        if name not in files:
            fix = similar_file_fix(name, os.listdir(path)) if path.is_dir() else None
            raise ValueError(f"{path}: {name} would not be uploaded; {fix or 'add it to py_modules in setup.py'}")
    return SubmissionFiles(path, files)


def read_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each file, except files that `unearthed build` drops.

    Raises ValueError if the file is not a submission's archive, or if it unpacks to more than 256 MB.
    """
    names: list[str] = []
    with open_archive(path, MAX_SIZE, f"{path}: this is neither a folder nor a submission archive") as members:
        with open(path, "rb") as file:
            if file.read(len(GZIP)) != GZIP:
                raise ValueError("it is not gzipped")
        for member, content in members:
            name = os.path.normpath(member.name)
            if member.isdir():
                continue
            if content is None or name.startswith(("/", "..")):
                raise ValueError(f"{member.name!r} is not a regular file inside the archive")
            if not _is_dropped(name):
                names.append(name)
                yield name, content.read()
    tops = {name.partition("/")[0] for name in names}
    if len(tops) == 1 and f"{(top := tops.pop())}/train.py" in names:
        raise ValueError(f"{path}: the files are in the folder {top!r}; pack only its contents, or submit that folder")


def _read_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    size = 0
    for path in find_uploads(folder):
        size += path.stat().st_size
        if size > MAX_SIZE:
            raise ValueError(f"{folder}: more than {MAX_SIZE >> 20} MB would be uploaded, including {path}")
        yield path.relative_to(folder).as_posix(), path.read_bytes()


def find_uploads(folder: Path) -> list[Path]:
    """Return the files in a folder that would be uploaded. Raises ValueError if they cannot be determined."""
    setup = folder / "setup.py"
    for path in (setup, folder / "MANIFEST.in"):  # because they are read here, and quoted in messages
        _check_inside(path, folder)
        if path.is_file() and path.stat().st_size > MAX_LIST_BYTES:
            raise ValueError(f"{path}: the file is larger than {MAX_LIST_BYTES >> 20} MB")
    if not setup.is_file():
        fix = similar_file_fix(setup.name, os.listdir(folder)) or "copy the one from the template"
        raise ValueError(f"{folder}: setup.py is missing; it lists the files to upload: {fix}")
    setup_files = _read_setup(setup)
    files = {folder / f"{module.replace('.', '/')}.py" for module in setup_files["py_modules"]}
    for module in list(files):
        if module.parent != folder and module.with_name("__init__.py").exists():
            files.add(module.with_name("__init__.py"))
    for package in setup_files["packages"]:
        files |= set((folder / package.replace(".", "/")).glob("*.py")) or {folder / package / "__init__.py"}
    for path in files:
        if not path.is_file():
            name = path.relative_to(folder).as_posix()
            if name.endswith("/py.py"):
                raise ValueError(f"{setup}: it lists {name.replace('/py.py', '.py')}; write module names without .py")
            similar = similar_file_fix(path.name, os.listdir(path.parent)) if path.parent.is_dir() else None
            raise ValueError(f"{setup}: it lists {name}, which does not exist" + (f"; {similar}" if similar else ""))
    readmes = [folder / name for name in README if (folder / name).is_file()]
    files |= set(readmes[:1])
    for pattern in (TESTS, *setup_files["license_files"]):
        files |= _glob(folder, pattern, setup)
    names = {path: path.relative_to(folder) for path in _apply_manifest(folder, files)}
    files = {
        path
        for path, name in names.items()
        if not _is_dropped(name.as_posix()) and not set(SKIPPED_FOLDERS) & set(name.parts[:-1])
    }
    for path in files:
        _check_inside(path, folder)
    return sorted(files)


def _is_dropped(name: str) -> bool:
    top, _, subpath = name.partition("/")
    return name in BUILD_FILES or top.endswith(".egg-info") or (not subpath and name.endswith(".tar.gz"))


def _check_name(name: str, submission: Path) -> None:
    """Raise ValueError if a file name is not UTF-8, because records and tables could not contain it."""
    if not is_utf_8(name):
        start = f"{submission}: " if is_utf_8(str(submission)) else ""
        raise ValueError(f"{start}the file name {name!a} is not UTF-8; rename the file")


def _check_inside(path: Path, folder: Path) -> None:
    _check_name(str(path.relative_to(folder)), folder)
    try:
        is_inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):
        raise ValueError(f"{path}: this is a loop of symbolic links") from None
    if not is_inside:
        raise ValueError(f"{path}: this symbolic link leads outside the submission")


def _read_setup(setup: Path) -> dict[str, list[str]]:
    parsing_errors = (SyntaxError, ValueError, TypeError, RecursionError, MemoryError)
    try:
        with warnings.catch_warnings(action="ignore"):
            calls = [node for node in ast.walk(ast.parse(setup.read_bytes())) if isinstance(node, ast.Call)]
            setups = [call for call in calls if ast.unparse(call.func) in ("setup", "setuptools.setup")]
    except parsing_errors as error:
        raise ValueError(f"{setup}: this is not valid Python: {error}") from None
    if len(setups) != 1:
        problem = f"exactly one call to setup() is needed, but it contains {len(setups)}"
        raise ValueError(f"{setup}: {problem}; correct it, {ALTERNATIVE}")
    keywords = {keyword.arg: keyword.value for keyword in setups[0].keywords}
    unsupported = {None, "package_dir", "package_data", "data_files", "scripts", "ext_modules"} & set(keywords)
    values: dict[str, Any] = {"py_modules": [], "packages": [], "license_files": list(LICENSES)}
    packages = None
    try:
        if "packages" in keywords and (packages := find_packages(keywords["packages"], setup.parent)) is not None:
            del keywords["packages"]
        values |= {name: ast.literal_eval(keywords[name]) for name in values if name in keywords}
    except parsing_errors:
        unsupported.add(None)
    lists = all(isinstance(names, list | tuple) for names in values.values())
    if unsupported or not lists or not all(map(_is_module, (*values["py_modules"], *values["packages"]))):
        raise ValueError(
            f"{setup}: this file is parsed, not run; write py_modules and packages as lists of names, or packages as "
            f"find_packages() with literal arguments, and list files in no other way, {ALTERNATIVE}"
        )
    names = {name: [str(item) for item in items] for name, items in values.items()}
    return names if packages is None else names | {"packages": packages}


def _glob(folder: Path, pattern: str, source: Path) -> set[Path]:
    if pattern.startswith("/") or ".." in pattern.split("/"):
        raise ValueError(f"{source}: {pattern[:80]!r} is outside the submission")
    try:
        return {path for path in folder.glob(pattern) if path.is_file()}
    except (ValueError, NotImplementedError, RecursionError) as error:  # pathlib rejects the pattern
        raise ValueError(f"{source}: {pattern[:80]!r}: {error}") from None


def _is_module(name: Any) -> bool:
    return isinstance(name, str) and all(part.isidentifier() for part in name.split("."))


def _apply_manifest(folder: Path, files: set[Path]) -> set[Path]:
    manifest = folder / "MANIFEST.in"
    content = manifest.read_text("utf-8", "replace").replace("\\\n", " ") if manifest.is_file() else ""
    if loses_first_line(content):
        problem = "the build ignores its first line, which begins with a byte-order mark"
        raise ValueError(f"{manifest}: {problem}; remove the mark")
    for line in content.removeprefix(BYTE_ORDER_MARK).splitlines():
        command, *words = line.partition("#")[0].split() or [""]
        if not command:
            continue
        adding_command = command.replace("exclude", "include").replace("prune", "graft")
        folders = words[:1] if command.startswith("recursive-") else []
        patterns = words[len(folders) :]
        if adding_command not in MANIFEST or not patterns:
            raise ValueError(f"{manifest}: {line[:80]!r} is not a valid line")
        for pattern in patterns:
            matching = _glob(folder, MANIFEST[adding_command].format(*folders, pattern), manifest)
            files = files | matching if command == adding_command else files - matching
    return files


def loses_first_line(manifest: str) -> bool:
    """Return whether setuptools ignores the first line of a MANIFEST.in because of a byte-order mark."""
    line = manifest.partition("\n")[0].partition("#")[0]
    return line.startswith(BYTE_ORDER_MARK) and bool(line.removeprefix(BYTE_ORDER_MARK).strip())


def find_packages(value: ast.expr, folder: Path) -> list[str] | None:
    """Return the packages that find_packages() finds, or None if `value` is not such a call with literal arguments."""
    if not isinstance(value, ast.Call) or ast.unparse(value.func) not in ("find_packages", "setuptools.find_packages"):
        return None
    try:
        named = {keyword.arg or "**": ast.literal_eval(keyword.value) for keyword in value.keywords}
        arguments = dict(zip(PARAMETERS, map(ast.literal_eval, value.args), strict=False)) | named
    except (ValueError, TypeError, RecursionError, MemoryError):
        return None
    root, exclude, include = (arguments.get(name, default) for name, default in PARAMETERS.items())
    lists = all(isinstance(names, list | tuple | set) for names in (exclude, include))
    is_inside = isinstance(root, str) and "\0" not in root and not root.startswith("/") and ".." not in root.split("/")
    if len(value.args) > len(PARAMETERS) or not arguments.keys() <= PARAMETERS.keys() or not lists or not is_inside:
        return None
    return [
        name
        for name in sorted(_packages(folder / root))
        if _matches(name, include) and not _matches(name, {*exclude, *EXCLUDED_PACKAGES})
    ]


def _packages(root: Path) -> Iterator[str]:
    for parent, folders, _ in os.walk(root):
        folders[:] = [name for name in folders if "." not in name and Path(parent, name, "__init__.py").is_file()]
        for name in folders:
            yield Path(parent, name).relative_to(root).as_posix().replace("/", ".")


def _matches(name: str, patterns: Collection[object]) -> bool:
    return any(isinstance(pattern, str) and fnmatchcase(name, pattern) for pattern in patterns)
