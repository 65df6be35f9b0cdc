"""What a submission is, and the one list of which files travel to which job.

| job | what travels there |
|---|---|
| training job | all files of the submission, as `unearthed build` leaves them: `Submission.archive` |
| preprocessing jobs | preprocess.py alone: `Submission.script` |
| transform jobs | the model with all files of the submission beside it: `Submission.join` |
| scoring jobs | the host's score.py; nothing of the submission |
"""

import ast
import gzip
import hashlib
import io
import os
import tarfile
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPTS = ("train.py", "preprocess.py")
LARGEST = 256 << 20  # bytes of all files: a submission is code
# what the client's build drops at the archive's top level
DROPPED = ("setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in", "PKG-INFO")
# what setuptools of the client's build adds by itself: the first of these, licences if setup.py does not say otherwise
README = ("README", "README.rst", "README.txt", "README.md")
LICENSES = ("LICEN[CS]E*", "COPYING*", "NOTICE*", "AUTHORS*")
TESTS = "test/test*.py"
NEVER = ("build", ".git", ".hg", ".svn", "CVS", "RCS", ".bzr", "_darcs")  # folders that it leaves out
UNREADABLE = (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, MemoryError)
MANIFEST = {  # each command of a MANIFEST.in as the pattern of files that it adds or takes away
    "include": "{0}",
    "recursive-include": "{0}/**/{1}",
    "global-include": "**/{0}",
    "graft": "{0}/**/*",
    "exclude": "{0}",
    "recursive-exclude": "{0}/**/{1}",
    "global-exclude": "**/{0}",
    "prune": "{0}/**/*",
}
ELSEWHERE = "or give the src.tar.gz that `unearthed build` leaves instead of the folder"


@dataclass(frozen=True)
class Submission:
    """The files that are uploaded, by their names with slashes. path: where they were read."""

    path: Path
    files: dict[str, bytes]

    @property
    def script(self) -> bytes:
        """preprocess.py: all that the preprocessing jobs see."""
        return self.files["preprocess.py"]

    @property
    def archive(self) -> bytes:
        """All files as a tar.gz: the same bytes for the same files."""
        packed = io.BytesIO()
        with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as file, tarfile.open(fileobj=file, mode="w") as tar:
            self._add(tar, "")
        return packed.getvalue()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.archive).hexdigest()

    def join(self, model: Path, target: Path) -> None:
        """A model.tar.gz with the submission's files under code/, where a server without network finds them.

        Nothing is unpacked: what the training job left goes from archive to archive. Raises ValueError where it is no
        archive, or holds no file.
        """
        try:
            with tarfile.open(model) as given, tarfile.open(target, "w:gz", compresslevel=1) as taken:
                empty = True
                for member in given:
                    if os.path.normpath(member.name).split("/")[0] == "code":
                        continue
                    if member.isfile():
                        empty = False
                        taken.addfile(member, given.extractfile(member))
                    elif (
                        member.isdir()
                        or (member.issym() and not os.path.isabs(member.linkname))
                        or (member.islnk() and os.path.normpath(member.linkname).split("/")[0] != "code")
                    ):
                        taken.addfile(member)
                self._add(taken, "code/")
                while given.fileobj and given.fileobj.read(1 << 20):  # to its end, where the checksum is
                    pass
        except UNREADABLE as error:
            raise ValueError(f"the training job's model.tar.gz cannot be read: {error}") from None
        if empty:
            raise ValueError("the training job left no file in SM_MODEL_DIR, /opt/ml/model")

    def _add(self, tar: tarfile.TarFile, folder: str) -> None:
        for name, content in sorted(self.files.items()):
            member = tarfile.TarInfo(folder + name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def read_submission(path: Path) -> Submission:
    """A submission's folder, or the src.tar.gz that `unearthed build` leaves, as it would be uploaded.

    Nothing of it is run: setup.py and MANIFEST.in are read. Links that lead out of the folder are refused. Raises
    ValueError or FileNotFoundError where no submission is there.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such submission")
    files = dict(_of_folder(path) if path.is_dir() else _of_archive(path))
    for name in SCRIPTS:
        if name not in files:
            raise ValueError(f"{path}: {name} would not be uploaded; name it in py_modules of setup.py")
    return Submission(path, files)


class _Whole(tarfile.TarInfo):
    """Members without holes: the maps of such can be longer than anything that they describe."""

    def _proc_gnusparse_10(self, *_: Any) -> Any:
        raise tarfile.ReadError("it has members with holes")


def _of_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with gzip.open(path) as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ValueError(f"more than {LARGEST >> 20} MB when unpacked")
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:", tarinfo=_Whole) as tar:
            for member in tar:
                name = os.path.normpath(member.name)
                if member.size < 0 or member.issparse():  # tarfile would read the one for ever, and fill the other
                    raise ValueError(f"{member.name!r} has no size that can be")
                if member.isdir():
                    continue
                if not member.isreg() or name.startswith(("/", "..")):
                    raise ValueError(f"{member.name!r} is no file within the archive")
                packed = tar.extractfile(member)
                assert packed is not None  # noqa: S101 - it is a regular file
                yield name, packed.read()
    except UNREADABLE as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: neither a folder nor the archive of a submission: {reason}") from None


def _of_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    setup = folder / "setup.py"
    if not setup.is_file():
        raise ValueError(f"{folder}: there is no setup.py, which names the files to upload: copy the template's")
    named = _named(setup)
    chosen = {folder / f"{module.replace('.', '/')}.py" for module in named["py_modules"]}
    chosen |= {path for module in chosen if (path := module.with_name("__init__.py")).exists()} - {
        folder / "__init__.py"
    }
    for package in named["packages"]:
        chosen |= set((folder / package.replace(".", "/")).glob("*.py")) or {folder / package / "__init__.py"}
    for path in chosen:
        if not path.is_file():
            raise ValueError(f"{setup}: names {path.relative_to(folder)}, which is not there")
    chosen |= set([path for name in README if (path := folder / name).is_file()][:1])
    for pattern in (TESTS, *named["license_files"]):
        chosen |= _found(folder, pattern, setup)
    chosen = _by_manifest(folder, chosen) - {folder / name for name in DROPPED}
    chosen = {path for path in chosen if not set(NEVER) & set(path.relative_to(folder).parts[:-1])}
    size, root = 0, folder.resolve()
    for path in sorted(chosen):
        if not path.resolve().is_relative_to(root):
            raise ValueError(f"{path}: a link that leads out of the submission")
        size += path.stat().st_size
        if size > LARGEST:
            raise ValueError(f"{folder}: more than {LARGEST >> 20} MB would be uploaded, {path} among it")
        yield path.relative_to(folder).as_posix(), path.read_bytes()


def _named(setup: Path) -> dict[str, list[str]]:
    """The modules, packages and licences that a setup.py names.

    Raises ValueError where that cannot be seen without running it.
    """
    hostile = (SyntaxError, ValueError, TypeError, RecursionError, MemoryError)
    try:
        with warnings.catch_warnings(action="ignore"):
            calls = [node for node in ast.walk(ast.parse(setup.read_bytes())) if isinstance(node, ast.Call)]
            setups = [call for call in calls if ast.unparse(call.func) in ("setup", "setuptools.setup")]
    except hostile as error:
        raise ValueError(f"{setup}: this is no Python: {error}") from None
    if len(setups) != 1:
        raise ValueError(f"{setup}: one call of setup() is needed, {len(setups)} are there; mend it, {ELSEWHERE}")
    given = {keyword.arg: keyword.value for keyword in setups[0].keywords}
    unread = {None, "package_dir", "package_data", "data_files", "scripts", "ext_modules"} & set(given)
    found: dict[str, Any] = {"py_modules": [], "packages": [], "license_files": list(LICENSES)}
    try:
        found |= {name: ast.literal_eval(given[name]) for name in found if name in given}
    except hostile:
        unread.add(None)
    lists = all(isinstance(names, list | tuple) for names in found.values())
    if unread or not lists or not all(map(_is_module, (*found["py_modules"], *found["packages"]))):
        raise ValueError(
            f"{setup}: it is not run here, only read: write py_modules and packages out as lists of names, and use "
            f"no other list of files; {ELSEWHERE}"
        )
    return {name: [str(value) for value in values] for name, values in found.items()}


def _found(folder: Path, pattern: str, said: Path) -> set[Path]:
    """The files within a folder that match a pattern; `said` is where it stands. Raises ValueError where it is none."""
    if pattern.startswith("/") or ".." in pattern.split("/"):
        raise ValueError(f"{said}: {pattern[:80]!r} leads out of the submission")
    try:
        return {path for path in folder.glob(pattern) if path.is_file()}
    except (ValueError, NotImplementedError, RecursionError) as error:  # no pattern of pathlib's
        raise ValueError(f"{said}: {pattern[:80]!r}: {error}") from None


def _is_module(name: Any) -> bool:
    return isinstance(name, str) and all(part.isidentifier() for part in name.split("."))


def _by_manifest(folder: Path, chosen: set[Path]) -> set[Path]:
    """Files as the folder's MANIFEST.in adds to them and takes away, line after line."""
    manifest = folder / "MANIFEST.in"
    text = manifest.read_text("utf-8", "replace").replace("\\\n", " ") if manifest.is_file() else ""
    for line in text.splitlines():
        command, *words = line.partition("#")[0].split() or [""]
        if not command:
            continue
        folders = words[:1] if command.startswith("recursive-") else []
        patterns = words[len(folders) :]
        if command not in MANIFEST or not patterns:
            raise ValueError(f"{manifest}: {line[:80]!r} is no line of a MANIFEST.in")
        for pattern in patterns:
            found = _found(folder, MANIFEST[command].format(*folders, pattern), manifest)
            chosen = chosen - found if command.endswith("exclude") or command == "prune" else chosen | found
    return chosen
