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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPTS = ("train.py", "preprocess.py")
LARGEST = 256 << 20  # bytes of all files: a submission is code
# what the client's build drops at the archive's top level
DROPPED = ("setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in", "PKG-INFO")
BY_ITSELF = ("README", "README.txt", "README.rst", "README.md", "test/test*.py")  # setuptools adds them
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
                    elif member.isdir() or (member.issym() and not os.path.isabs(member.linkname)):
                        taken.addfile(member)
                self._add(taken, "code/")
        except (tarfile.TarError, EOFError, OSError, ValueError) as error:
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


def _of_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    size = 0
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                name = os.path.normpath(member.name)
                size += member.size
                if size > LARGEST:
                    raise ValueError(f"more than {LARGEST >> 20} MB when unpacked")
                if member.isdir():
                    continue
                if not member.isreg() or name.startswith(("/", "..")):
                    raise ValueError(f"{member.name!r} is no file within the archive")
                content = tar.extractfile(member)
                assert content is not None  # noqa: S101 - it is a regular file
                yield name, content.read()
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise ValueError(f"{path}: neither a folder nor the archive of a submission: {error}") from None


def _of_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    setup = folder / "setup.py"
    if not setup.is_file():
        raise ValueError(f"{folder}: there is no setup.py, which names the files to upload: copy the template's")
    modules, packages = _named(setup)
    chosen = {folder / f"{module.replace('.', '/')}.py" for module in modules}
    for package in packages:
        chosen |= set((folder / package.replace(".", "/")).glob("*.py"))
    for path in chosen:
        if not path.is_file():
            raise ValueError(f"{setup}: names {path.relative_to(folder)}, which is not there")
    for pattern in BY_ITSELF:
        chosen |= set(folder.glob(pattern))
    chosen = _by_manifest(folder, chosen) - {folder / name for name in DROPPED}
    size, root = 0, folder.resolve()
    for path in sorted(chosen):
        if not path.resolve().is_relative_to(root):
            raise ValueError(f"{path}: a link that leads out of the submission")
        size += path.stat().st_size
        if size > LARGEST:
            raise ValueError(f"{folder}: more than {LARGEST >> 20} MB would be uploaded, {path} among it")
        yield path.relative_to(folder).as_posix(), path.read_bytes()


def _named(setup: Path) -> tuple[list[str], list[str]]:
    """The modules and packages that a setup.py names. Raises ValueError where that cannot be seen without running it."""
    try:
        calls = [node for node in ast.walk(ast.parse(setup.read_bytes())) if isinstance(node, ast.Call)]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{setup}: this is no Python: {error}") from None
    setups = [call for call in calls if ast.unparse(call.func) in ("setup", "setuptools.setup")]
    if len(setups) != 1:
        raise ValueError(f"{setup}: one call of setup() is needed, {len(setups)} are there; mend it, {ELSEWHERE}")
    given = {keyword.arg: keyword.value for keyword in setups[0].keywords}
    unread = {None, "package_dir", "package_data", "data_files", "scripts", "ext_modules"} & set(given)
    try:
        names = [ast.literal_eval(given[member]) if member in given else [] for member in ("py_modules", "packages")]
    except ValueError:
        names = [None]
    plain = all(isinstance(some, list | tuple) and all(_is_module(name) for name in some) for some in names)
    if unread or not plain:
        raise ValueError(
            f"{setup}: it is not run here, only read: write py_modules and packages out as lists of names, and use "
            f"no other list of files; {ELSEWHERE}"
        )
    return names[0], names[1]


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
        if any(word.startswith("/") or ".." in word.split("/") for word in words):
            raise ValueError(f"{manifest}: {line[:80]!r} leads out of the submission")
        for pattern in patterns:
            try:
                found = {path for path in folder.glob(MANIFEST[command].format(*folders, pattern)) if path.is_file()}
            except (ValueError, NotImplementedError) as error:  # no pattern of pathlib's
                raise ValueError(f"{manifest}: {line[:80]!r}: {error}") from None
            chosen = chosen - found if command.endswith("exclude") or command == "prune" else chosen | found
    return chosen
