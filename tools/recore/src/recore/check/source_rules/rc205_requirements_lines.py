"""Jobs install `requirements.txt` before they start. They fail if pip cannot parse a line, if a package is listed
twice, or if a line is an option, a URL or a local path.

    numpy=1.26                           # pip compares with ==
    sklearn==1.9.0                       # the package of this module is scikit-learn
    cubist===${VERSION}                  # arbitrary text is not a version
    -r more.txt                          # jobs read only requirements.txt
    -e .                                 # setup.py is not uploaded
    git+https://github.com/ada/mdl       # jobs have no network access

Fix: list each package once, with its version. Hashes (`--hash=sha256:...`) are accepted if every line has one, and
packages in the submission itself, such as `./mdl`, are accepted if `MANIFEST.in` includes them.
"""

import posixpath
import re

from recore.check.container import VERSIONS
from recore.check.rule import Finding, Findings, Location, rule
from recore.check.source import SubmissionSource
from recore.check.submission_tree import UnreadableFile
from recore.distribution import PACKAGES
from recore.failures import WRONG_NAMES, other_case
from stagemaker import RequirementLine

NAME = "requirements.txt"
FIX = "write the name of the package and its version, such as `cubist==1.2.2`"
MODULES = "remove the line; train.py can import the submission's modules without it if setup.py lists them"
COMMANDS_BY_WORD = {
    "python": "Python is not a package, and jobs have Python 3.12",
    **dict.fromkeys(PACKAGES, "it is a local tool that jobs do not have"),
}
LOCAL_PATH = re.compile(r"/|\.\.|~|[A-Za-z]:[\\/]")  # the beginning of a local path
PROJECT = ("setup.py", "pyproject.toml")  # a folder with one of these is a package that pip can build
Problem = tuple[str, str] | None  # the message and the fix


@rule("Every line of requirements.txt can be installed")
def inspect(source: SubmissionSource) -> Findings:
    if not source.tree.exists(NAME):
        if similar := other_case(NAME, source.tree.list_folder("")):
            yield Finding(f"jobs read only {NAME}", f"rename it to {NAME}", Location(similar))
        return
    try:
        source.tree.read(NAME)
    except UnreadableFile as error:
        yield Finding(f"{error}, so no job can install it", "replace it with a regular file", Location(NAME))
        return
    first: dict[str, int] = {}
    hashed = next((line for line in source.requirements if line.has_hash), None)
    for line in source.requirements:
        problem = _problem(line, source)
        if not problem and line.applies and line.name in first:
            message = f"{line.name} is listed twice, here and on line {first[line.name]}, so pip rejects the file"
            version = VERSIONS.get(line.name)
            problem = message, f"keep only {line.name}=={version}" if version else "keep only one of them"
        elif not problem and hashed and line.spec and line.applies and not line.has_hash:
            message = f"{line} has no hash, but line {hashed.number} has one, so pip requires one for each package"
            problem = message, "add a hash to this line, or remove all hashes"
        if problem:
            yield Finding(*problem, Location(NAME, line.number))
        elif line.name and line.applies:
            first[line.name] = line.number


def _problem(line: RequirementLine, source: SubmissionSource) -> Problem:
    entry = str(line)[:80]
    if line.kind == "option":
        return _option_problem(line, entry)
    if line.kind == "address":
        return f"{entry!r} is a URL, but jobs have no network access", FIX
    if line.kind == "invalid" and LOCAL_PATH.match(line.spec):
        return f"{entry!r} is a local path, which does not exist in jobs", FIX
    if line.kind == "invalid":
        return f"{entry!r} is not a valid requirement, so jobs cannot install it", _correction(line.spec) or FIX
    if line.unsupported_options:
        return f"{entry!r} has an option that jobs do not support", "remove the option"
    if line.kind == "path":
        return _path_problem(line, source)
    if line.name in COMMANDS_BY_WORD and line.applies:
        return f"{entry!r}: {COMMANDS_BY_WORD[line.name]}; pip cannot install it", "remove the line"
    package = WRONG_NAMES.get(line.name) if line.applies else None
    if package is None:
        return None
    version = VERSIONS.get(package.lower())
    fix = f"remove the line: the container has {package} {version}" if version else f"write {package}==VERSION"
    return f"{entry!r}: the package is called {package}; {line.name} is a different package or does not exist", fix


def _option_problem(line: RequirementLine, entry: str) -> Problem:
    if not line.unsupported_options:
        return None
    option, *value = re.split("[= ]", " ".join(line.unsupported_options), maxsplit=1)
    if option in ("-r", "--requirement"):
        return f"{entry!r}: jobs read only {NAME}", "copy the lines of the other file into this one"
    if option in ("-e", "--editable"):
        return _editable_problem("".join(value), entry)
    return f"{entry!r} is an option that jobs do not support", "remove it, and list the packages with their versions"


def _editable_problem(path: str, entry: str) -> Problem:
    if "://" in path:
        return f"{entry!r} is a URL, but jobs have no network access", FIX
    if LOCAL_PATH.match(path):
        return f"{entry!r} is a local path, which does not exist in jobs", FIX
    if posixpath.normpath(path) != ".":
        fix = f"include the folder in MANIFEST.in, and write only {path}"
        return f"{entry!r}: jobs can install a folder of the submission, but not in editable mode", fix
    return f"{entry!r} needs the submission's setup.py, which is not uploaded", MODULES


def _correction(line: str) -> str | None:
    """Return a fix that rewrites a conda line or a pip command as a requirement, or None if its meaning is unclear."""
    corrected_line = re.sub(r"^!?\s*(?:python3? -m )?pip3? install\s+", "", line.strip()).strip("\"'")
    corrected_line = re.sub(r"^([\w.-]+)\s*=\s*([\w.]+)(?:=\w+)?$", r"\1==\2", corrected_line)
    requirement = RequirementLine(0, corrected_line).requirement
    return f"write {requirement}" if requirement else None


def _path_problem(line: RequirementLine, source: SubmissionSource) -> Problem:
    """Return the problem with a path or a `file:` URL and its fix, or None if the path is uploaded."""
    address = line.requirement.url if line.requirement and line.requirement.url else line.spec
    path = re.sub(r"\[[^]]*\]$", "", address.removeprefix("file:").strip())
    name = posixpath.normpath(path)
    if LOCAL_PATH.match(name):
        return f"{str(line)[:80]!r} is a local path, which does not exist in jobs", FIX
    if name == ".":
        return f"{str(line)[:80]!r} needs the submission's setup.py, which is not uploaded", MODULES
    files = source.known_uploads
    if name in files or any(f"{name}/{project}" in files for project in PROJECT):
        return None
    if not source.tree.exists(name):
        return f"{name!r} is not in the submission", FIX
    is_file = source.tree.is_file(name)
    fix = f"add a line `{'include' if is_file else 'graft'} {name}` to MANIFEST.in"
    fix += "" if is_file else f"; the folder needs a {PROJECT[0]}"
    return f"{name!r} is not uploaded, so jobs cannot install it", fix
