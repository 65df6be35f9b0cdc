"""Measures whether the tests find a fault: a copy of the repository with the fault, and pytest in it.

The copy has an environment of its own, in which recore and stagemaker are the copy's, so that they have the fault in
every process that a test starts.
"""

import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.fault_list import AREAS, Fault

ROOT = Path(__file__).parents[3]
SETTINGS = re.compile("tools/[^/]+/")  # a distribution, whose tests have settings of pytest of their own
RECORDED = "tests/support/template.py"  # skips the template's own tests unless it recognises the current code
PACKAGES = ("stagemaker", "recore")
INSTALLED = Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)  # the folder of packages in an environment
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+\.py(?:::.*?)?)(?: - .*)?$", re.MULTILINE)
CONFTEST = re.compile(r"while loading conftest '([^']+)'")
PASSED, SOME_FAILED, UNUSABLE, NONE_CHOSEN = 0, 1, 4, 5  # exit statuses of pytest
LOOK = 0.2  # seconds between two checks of pytest
ENDING = 30  # seconds that an interrupted pytest has to clean up


class Interrupted(Exception):
    """Raised if all measurements are to end."""


class TimeOver(Exception):
    """Raised if the tests took too long."""


@dataclass
class Result:
    """What happened to a fault. test: the one that found it. failing: tests that also fail without it."""

    outcome: str
    test: str = ""
    seconds: float = 0.0
    failing: list[str] = field(default_factory=list)


CAUGHT, NOT_CAUGHT = "caught", "not caught"
TIME_OVER, NO_RESULT = UNDECIDED = "time limit", "no result"


def edited(text: str, fault: Fault) -> str:
    """Return a file's text with the fault. Raises ValueError if it has the line not once or does not compile."""
    lines = text.splitlines(keepends=True)
    places = [place for place, line in enumerate(lines) if line.strip() == fault.old]
    if len(places) != 1:
        raise ValueError(f"{fault.file} has the line {fault.old!r} {len(places)} times, not once")
    line = lines[places[0]]
    lines[places[0]] = line[: len(line) - len(line.lstrip())] + fault.new + "\n"
    changed = "".join(lines)
    try:
        compile(changed, fault.file, "exec")
    except SyntaxError as error:
        raise ValueError(f"{fault.file} does not compile with {fault.new!r}: {error}") from None
    return changed


def commit_of(revision: str) -> str:
    """Return the full name of a commit. Raises CalledProcessError."""
    return _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").strip()


def text_at(commit: str, file: str) -> str:
    """Return a file's text in a commit. Raises ValueError if the commit does not have it."""
    if not _git("ls-tree", "--name-only", commit, "--", file):
        raise ValueError(f"there is no {file} in {commit[:12]}")
    return _git("show", f"{commit}:{file}")


class Measurement:
    """Runs the tests of areas on copies of one commit. marker: pytest's -m. limit: seconds for each fault.

    left_out: test files of the commit that do not run. Thread-safe. After `stop`, they raise Interrupted and their
    copies are removed.
    """

    def __init__(self, commit: str, marker: str, limit: float, left_out: Collection[str] = ()):
        self.commit, self.marker, self.limit, self.left_out = commit, marker, limit, left_out
        self._stopping = threading.Event()

    @property
    def selection(self) -> str:
        """Which tests run: the marker, and whether files are left out, as the commit says."""
        return f"{self.marker}, first" if self.left_out else self.marker

    def stop(self) -> None:
        self._stopping.set()

    def measure(self, fault: Fault) -> Result:
        """Return whether a test of the fault's area fails with it that passes without it."""
        original = text_at(self.commit, fault.file)
        result, began = Result(NOT_CAUGHT), time.monotonic()
        deadline = began + self.limit
        with self._copy() as copy:
            path, changed = copy / fault.file, edited(original, fault)
            try:
                while True:
                    _write(copy, path, changed)
                    test = self._first_failure(copy, fault.area, result.failing, deadline)
                    result.seconds = time.monotonic() - began
                    if not test:
                        return result
                    _write(copy, path, original)
                    if not self._fails(copy, test, deadline):
                        result.outcome, result.test = CAUGHT, test
                        return result
                    if test in result.failing:  # it cannot be left out
                        raise RuntimeError(f"{test} fails without the fault, too, and with it nothing else can run")
                    result.failing.append(test)
            except TimeOver:
                return Result(TIME_OVER, seconds=self.limit, failing=result.failing)
            except RuntimeError as error:
                print(error, file=sys.stderr)
                return Result(NO_RESULT, seconds=time.monotonic() - began, failing=result.failing)

    def baseline(self, area: str) -> Result:
        """Return the tests of an area that fail without any fault."""
        began = time.monotonic()
        with self._copy() as copy:
            try:
                outputs = [self._run_tests(copy, files, [], began + self.limit)[1] for files in self._files(copy, area)]
            except TimeOver:
                return Result(TIME_OVER, seconds=self.limit)
        failing = [test for output in outputs for test in _failures(output)]
        return Result("without a fault", seconds=time.monotonic() - began, failing=failing)

    @contextlib.contextmanager
    def _copy(self) -> Iterator[Path]:
        """Check out the commit for as long as the block lasts, with an environment."""
        with tempfile.TemporaryDirectory(prefix="fault-", ignore_cleanup_errors=True) as folder:
            copy = Path(folder, "recore").resolve()
            # a separate repository, because some tests use git; it borrows this one's objects
            _git("clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(copy))
            _git("-C", str(copy), "checkout", "--quiet", "--detach", self.commit)
            make_environment(copy / ".venv", {name: copy / f"tools/{name}/src" for name in PACKAGES})
            Path(folder, "tmp").mkdir()
            yield copy

    def _first_failure(self, copy: Path, area: str, ignored: list[str], deadline: float) -> str:
        """Return the first test of an area that fails, except ignored ones, or an empty text if none does.

        Raises RuntimeError if pytest names no test.
        """
        for files in self._files(copy, area):
            options = ["-x", *(_leave_out(test) for test in ignored)]
            status, output = self._run_tests(copy, files, options, deadline)
            if status in (PASSED, NONE_CHOSEN):
                continue
            if failures := _failures(output):
                return failures[0]
            if status == UNUSABLE and (conftest := CONFTEST.search(output)):  # it imports the file with the fault
                return Path(conftest[1]).relative_to(copy).as_posix()
            raise RuntimeError(f"pytest ended with status {status} and named no test:\n{output[-2000:]}")
        return ""

    def _fails(self, copy: Path, test: str, deadline: float) -> bool:
        """Return whether a test fails alone or, for a file that could not be collected, whether it still cannot be."""
        options = [] if "::" in test else ["--collect-only"]
        files = [test.removesuffix("/conftest.py")]  # a conftest.py is collected with its folder
        return self._run_tests(copy, files, options, deadline)[0] not in (PASSED, NONE_CHOSEN)

    def _files(self, copy: Path, area: str) -> list[list[str]]:
        """Return the files of an area's tests in this commit, each once, by runs of pytest: for each other settings."""
        files: dict[str, None] = {}
        for place in AREAS[area]:
            path = copy / place
            found = sorted(path.rglob("test_*.py")) if path.is_dir() else [path] if path.exists() else []
            names = (file.relative_to(copy).as_posix() for file in found)
            files |= dict.fromkeys(name for name in names if name not in self.left_out)
        if not files:
            raise RuntimeError(f"no tests of {area} are to run in {self.commit[:12]}")
        return [list(run) for _, run in itertools.groupby(files, _settings)]

    def _run_tests(self, copy: Path, tests: list[str], options: list[str], deadline: float) -> tuple[int, str]:
        """Return pytest's exit status and output. Raises TimeOver and Interrupted."""
        command = [str(copy / ".venv/bin/python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short"]
        command += ["-m", self.marker, f"--basetemp={copy.parent / 'pytest'}", *options, *tests]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON"))}
        environment |= {"TMPDIR": str(copy.parent / "tmp"), "COLUMNS": "300"}
        with open(copy.parent / "output", "w+", encoding="utf-8", errors="replace") as output:
            process = subprocess.Popen(
                command,
                cwd=copy,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                while process.poll() is None:
                    if self._stopping.is_set():
                        raise Interrupted
                    if time.monotonic() > deadline:
                        raise TimeOver
                    time.sleep(LOOK)
            finally:
                if process.poll() is None:
                    _end(process)
            output.seek(0)
            return process.returncode, output.read()


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End pytest and its children: as Ctrl-C does, so that its tests clean up, or by force if that takes too long."""
    os.killpg(process.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(ENDING)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _failures(output: str) -> list[str]:
    """Return the failed tests in pytest's summary, without parameters if a dash in them cuts them off."""
    names = FAILED.findall(output)
    return list(dict.fromkeys(name.partition("[")[0] if "[" in name and name[-1] != "]" else name for name in names))


def _leave_out(test: str) -> str:
    """Return pytest's option that leaves a test or a file out. A test's name begins at the folder of the settings."""
    return f"--deselect={test.removeprefix(_settings(test))}" if "::" in test else f"--ignore={test}"


def _settings(test: str) -> str:
    """Return the folder whose settings of pytest a test has; that of the repository is empty."""
    found = SETTINGS.match(test)
    return found[0] if found else ""


def make_environment(folder: Path, sources: Mapping[str, Path]) -> None:
    """Copy this Python's environment to a new folder, by hard links if possible, with other sources of packages."""

    def link(old: str, new: str) -> None:
        try:
            os.link(old, new)
        except OSError:  # another file system
            shutil.copy2(old, new)

    shutil.copytree(sys.prefix, folder, symlinks=True, copy_function=link)
    packages = folder / INSTALLED
    for name, source in sources.items():
        for path in [*packages.glob(f"*{name}*.pth"), packages / name]:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        (packages / f"_editable_impl_{name}.pth").write_text(f"{source}\n", "utf-8")  # the name by which make knows it
    for stamp in folder.glob("ready*"):
        stamp.unlink()  # a link: touching it would touch that of the other environment
        stamp.touch()
    for program in (folder / "bin").iterdir():  # the first line of a script names the Python that runs it
        if not program.is_symlink() and (text := program.read_bytes()).startswith(b"#!" + os.fsencode(sys.prefix)):
            mode = program.stat().st_mode
            program.unlink()
            program.write_bytes(text.replace(os.fsencode(sys.prefix), os.fsencode(folder), 1))
            program.chmod(mode)


def _write(copy: Path, path: Path, text: str) -> None:
    """Write a file of a copy. If it belongs to the submission, record it as the template's, as its authors would."""
    path.write_text(text, "utf-8")
    if copy / "tools" not in path.parents and (copy / RECORDED).is_file():
        subprocess.run([copy / ".venv/bin/python", RECORDED], cwd=copy, check=True)


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, encoding="utf-8").stdout
