"""Each place in stagemaker and recore that starts a process is a row of one table: what runs, and what it can see."""

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

STARTS = {
    "subprocess": "run Popen call check_call check_output getoutput getstatusoutput",
    "os": "system popen fork forkpty posix_spawn posix_spawnp startfile execl execle execlp execlpe execv execve "
    "execvp execvpe spawnl spawnle spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe",
    "pty": "spawn fork",
    "asyncio": "create_subprocess_exec create_subprocess_shell",
    "multiprocessing": "Process Pool get_context Manager",
    "concurrent.futures": "ProcessPoolExecutor",
    "psutil": "Popen",
    "docker": "from_env DockerClient APIClient",
}
METHODS = ("subprocess_exec", "subprocess_shell", "Process")  # of an event loop or of a multiprocessing context
NAMES = {f"{module}.{name}" for module, names in STARTS.items() for name in names.split()}

# the variables that a process receives
PROGRAM = "program_variables()"
JOB = "job's"  # those of the job's request, or, inside a job, those of the job
FEW = "literal"  # those that the call lists
ALL = "all: "  # those of this process, followed by the reason
# folders of programs that run inside jobs, without this user's variables
JOB_FOLDERS = ("stagemaker/container/", "recore/check/programs/", "recore/production/containers/")


class Row(NamedTuple):
    """text: whose text is in the command line. code: whose code runs. variables: see above. sandbox: its sandbox."""

    text: str
    code: str
    variables: str
    sandbox: str


TABLE = {
    ("stagemaker/cli.py", "execute"): Row("user's", "user's", ALL + "the user's own command", "none"),
    ("stagemaker/compute/files/removal.py", "remove"): Row("ours: a path", "rm and chmod", PROGRAM, "none"),
    ("stagemaker/compute/processes/disk_use.py", "DiskUse._check"): Row("ours: paths", "find", FEW, "none"),
    ("stagemaker/compute/processes/process.py", "SupervisedProcess.__init__"): Row("ours", "ours", PROGRAM, "none"),
    ("stagemaker/compute/processes/supervisor.py", "Processes.__init__"): Row(
        "the job's request", "job's", JOB, "bubblewrap, if it works"
    ),
    ("stagemaker/container/algorithm_training.py", "train_xgboost"): Row("ours", "job's", JOB, "the job's"),
    ("stagemaker/container/bridge.py", "start"): Row("ours", "ours", JOB, "the job's"),
    ("stagemaker/container/bridge.py", ""): Row("the job's request", "job's", JOB, "the job's"),
    ("stagemaker/container/library/sagemaker_containers/_server.py", "start"): Row("job's", "job's", JOB, "the job's"),
    ("stagemaker/container/pip_wheels.py", "list_settings"): Row("ours", "pip", JOB, "the job's"),
    ("stagemaker/container/script_mode.py", "ScriptRunner.run"): Row("job's", "job's", JOB, "the job's"),
    ("stagemaker/doctor/programs.py", "check_program"): Row(
        "ours", "installed programs", ALL + "doctor reports what the user's environment provides", "none"
    ),
    ("stagemaker/images/package_set.py", "PackageSet._install"): Row("ours", "ours", PROGRAM, "none"),
    ("stagemaker/images/package_set.py", "_interpreter"): Row("ours", "Python's", PROGRAM, "none"),
    ("stagemaker/installing.py", "Environment._run_venv"): Row("ours: a path", "Python's", PROGRAM, "none"),
    ("stagemaker/installing.py", "Environment._install_by_uv"): Row("ours", "uv and packages", PROGRAM, "none"),
    ("stagemaker/installing.py", "Environment._pip"): Row("ours", "pip and packages", PROGRAM, "none"),
    ("stagemaker/installing.py", "Environment.compile"): Row("ours: paths", "Python's", PROGRAM, "none"),
    ("stagemaker/installing.py", "Environment.compile_imports"): Row("ours", "packages", PROGRAM, "none"),
    ("stagemaker/installing.py", "_output"): Row("ours", "Python, pip and uv", PROGRAM, "none"),
    ("stagemaker/isolation/bubblewrap.py", "find_bubblewrap"): Row("ours", "a no-op", FEW, "bubblewrap"),
    ("stagemaker/isolation/container_job.py", "ContainerJob.__init__"): Row(
        "the job's request", "job's, in the engine", PROGRAM, "a container"
    ),
    ("stagemaker/isolation/containers.py", "docker_client"): Row("ours", "the engine's", PROGRAM, "a container"),
    ("stagemaker/pip_settings.py", "read_pip_settings"): Row("ours", "pip", PROGRAM, "none"),
    ("recore/check/programs/build.py", "main"): Row("ours", "submission's", JOB, "the job's"),
    ("recore/check/programs/by_hand.py", "run"): Row("ours", "submission's", JOB, "the job's"),
    ("recore/check/programs/hold_out.py", "main"): Row("ours", "ours, then submission's", JOB, "the job's"),
    ("recore/check/programs/hold_out.py", "run"): Row("none", "submission's", JOB, "the job's"),
    ("recore/check/programs/load.py", "watch"): Row("none", "what the submission's model runs", JOB, "the job's"),
    ("recore/check/programs/observe.py", "main"): Row("ours", "ours, then submission's", JOB, "the job's"),
    ("recore/check/programs/observe.py", "run"): Row("ours", "submission's", JOB, "the job's"),
    ("recore/distribution.py", "_find_remote"): Row("ours", "git", ALL + "git reads the user's settings", "none"),
    ("recore/evaluation/record.py", "_versions"): Row("ours", "git", ALL + "git reads the user's settings", "none"),
    ("recore/handover/steps.py", "_run"): Row(
        "user's paths", "submission's", ALL + "the partner runs a handover like any program", "none"
    ),
    ("recore/production/containers/evaluate.py", "run_score"): Row("ours", "host's score.py", JOB, "the job's"),
    ("recore/production/containers/model.py", "run_train"): Row("the job's request", "job's", JOB, "the job's"),
    ("recore/validation/workers.py", "Worker.__init__"): Row(
        "user's path", "submission's", ALL + "validate runs the user's own submission like `python train.py`", "none"
    ),
    ("recore/web/process_reader.py", "ProcessReader.__init__"): Row(
        "none", "ours", ALL + "multiprocessing passes them to its fork server", "none"
    ),
    ("recore/web/process_reader.py", "ProcessReader._read"): Row(
        "none", "ours, on a visitor's file", ALL + "the fork server passes them on", "none"
    ),
}


@dataclass
class Place:
    """A place that starts a process. variables: the source of the `env` argument; empty if the process inherits all."""

    module: str
    function: str
    line: int
    variables: str


class Finder(ast.NodeVisitor):
    """Finds references to functions that start a process, even if they are imported under another name."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self.module, self.places = module, []
        self.functions: list[str] = []
        self.scopes: list[ast.AST] = [tree]
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        prefixes = [
            (alias, f"{node.module}." if isinstance(node, ast.ImportFrom) else "")
            for node in imports
            for alias in node.names
        ]
        self.full_names = {alias.asname or alias.name: prefix + alias.name for alias, prefix in prefixes}
        self.calls = {node.func: node for node in ast.walk(tree) if isinstance(node, ast.Call)}
        self.visit(tree)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self.functions.append(node.name)
        self.scopes.append(node)
        defaults = [] if isinstance(node, ast.ClassDef) else [*node.args.defaults, *node.args.kw_defaults]
        bases = node.bases if isinstance(node, ast.ClassDef) else []
        for part in filter(None, [*node.decorator_list, *bases, *defaults, *node.body]):
            self.visit(part)
        self.functions.pop()
        self.scopes.pop()

    visit_AsyncFunctionDef = visit_ClassDef = visit_FunctionDef

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:  # an annotation starts nothing
            self.visit(node.value)

    def visit_Name(self, node: ast.Name | ast.Attribute) -> None:
        start, dot, rest = ast.unparse(node).partition(".")
        full_name = self.full_names.get(start, start) + dot + rest
        is_method = isinstance(node, ast.Attribute) and node.attr in METHODS and full_name != "psutil.Process"
        if full_name in NAMES or is_method:
            self.places.append(Place(self.module, ".".join(self.functions), node.lineno, self._find_variables(node)))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.visit_Name(node)
        self.generic_visit(node)

    def _find_variables(self, node: ast.Name | ast.Attribute) -> str:
        call = self.calls.get(node)
        values = [each.value for each in call.keywords if each.arg in ("env", "environment")] if call else []
        if call and ast.unparse(node).startswith("os.exec") and ast.unparse(node).endswith("e"):
            values = call.args[-1:]
        for value in values[:1]:
            if isinstance(value, ast.Name):  # what the function assigns to the variable
                assignments = [
                    each for each in ast.walk(self.scopes[-1]) if isinstance(each, ast.Assign | ast.AugAssign)
                ]
                values += [each.value for each in assignments if value.id in ast.unparse(each).partition("=")[0]]
        return "; ".join(map(ast.unparse, values))


def find_places() -> Iterator[Place]:
    for name in ("stagemaker", "recore"):
        folder = Path(importlib.import_module(name).__file__ or "").parent
        for path in sorted(folder.rglob("*.py")):
            yield from Finder(path.relative_to(folder.parent).as_posix(), ast.parse(path.read_text("utf-8"))).places


def test_each_process_has_a_row_and_receives_its_variables() -> None:
    places = list(find_places())
    assert {(place.module, place.function) for place in places} == TABLE.keys()
    for place in places:
        variables, passed = TABLE[place.module, place.function].variables, place.variables
        inherits = "os.environ" in passed or not passed
        if variables == PROGRAM:
            assert PROGRAM in passed, place
            assert "os.environ" not in passed, place
        elif variables == JOB:
            assert place.module.startswith(JOB_FOLDERS) or not inherits, place
        else:
            assert passed.startswith("{") if variables == FEW else PROGRAM not in passed, place
            assert variables == FEW or variables.removeprefix(ALL), place


def test_no_start_is_overlooked() -> None:
    """Other names, references without a call, and methods of contexts are found; annotations are not places."""
    source = """
import subprocess as s, psutil, os
from os import execve as replace
from functools import partial

def start(process: s.Popen) -> s.Popen:
    variables = {"A": "1"}
    psutil.Process(1)
    s.run([], env=variables)
    replace("x", [], {})
    partial(s.check_call, [])
    self.context.Process()

class Job:
    child: s.Popen
    def call(self, start=s.call): ...
    def run(self):
        os.execve("x", [], mine)
"""
    places = [(each.function, each.variables) for each in Finder("module.py", ast.parse(source)).places]
    expected = ["variables; {'A': '1'}", "", "", ""]
    assert places == [*(("start", variables) for variables in expected), ("Job.call", ""), ("Job.run", "mine")]
