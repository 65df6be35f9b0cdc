"""Each place in stagemaker and recore that starts a process is a row of one table: what runs, and what it can see."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

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


# by module and function: whose text is in the command line; whose code runs; its variables, see above; its sandbox
TABLE = {
    "stagemaker/cli.py:execute": ("user's", "user's", ALL + "the user's own command", "none"),
    "stagemaker/compute/files/removal.py:remove": ("ours: a path", "rm and chmod", PROGRAM, "none"),
    "stagemaker/compute/processes/disk_use.py:DiskUse._check": ("ours: paths", "find", FEW, "none"),
    "stagemaker/compute/processes/process.py:SupervisedProcess.__init__": ("ours", "ours", PROGRAM, "none"),
    "stagemaker/compute/processes/supervisor.py:Processes.__init__": ("request's", "job's", JOB, "bubblewrap, if any"),
    "stagemaker/container/algorithm_training.py:train_xgboost": ("ours", "job's", JOB, "the job's"),
    "stagemaker/container/bridge.py:start": ("ours", "ours", JOB, "the job's"),
    "stagemaker/container/bridge.py:": ("request's", "job's", JOB, "the job's"),
    "stagemaker/container/library/sagemaker_containers/_server.py:start": ("job's", "job's", JOB, "the job's"),
    "stagemaker/container/pip_wheels.py:list_settings": ("ours", "pip", JOB, "the job's"),
    "stagemaker/container/script_mode.py:ScriptRunner.run": ("job's", "job's", JOB, "the job's"),
    "stagemaker/doctor/programs.py:run_program": ("ours", "installed programs", ALL + "as for the user", "none"),
    "stagemaker/images/package_set.py:PackageSet._install": ("ours", "ours", PROGRAM, "none"),
    "stagemaker/images/package_set.py:_interpreter": ("ours", "Python's", PROGRAM, "none"),
    "stagemaker/installing.py:Environment._run_venv": ("ours: a path", "Python's", PROGRAM, "none"),
    "stagemaker/installing.py:Environment._install_by_uv": ("ours", "uv and packages", PROGRAM, "none"),
    "stagemaker/installing.py:Environment._pip": ("ours", "pip and packages", PROGRAM, "none"),
    "stagemaker/installing.py:Environment.compile": ("ours: paths", "Python's", PROGRAM, "none"),
    "stagemaker/installing.py:Environment.compile_imports": ("ours", "packages", PROGRAM, "none"),
    "stagemaker/installing.py:_output": ("ours", "Python, pip and uv", PROGRAM, "none"),
    "stagemaker/isolation/bubblewrap.py:find_bubblewrap": ("ours", "a no-op", FEW, "bubblewrap"),
    "stagemaker/isolation/container_job.py:ContainerJob.__init__": ("request's", "job's", PROGRAM, "a container"),
    "stagemaker/isolation/containers.py:docker_client": ("ours", "the engine's", PROGRAM, "a container"),
    "stagemaker/pip_settings.py:read_pip_settings": ("ours", "pip", PROGRAM, "none"),
    "recore/check/programs/build.py:main": ("ours", "submission's", JOB, "the job's"),
    "recore/check/programs/by_hand.py:run": ("ours", "submission's", JOB, "the job's"),
    "recore/check/programs/hold_out.py:main": ("ours", "ours, then submission's", JOB, "the job's"),
    "recore/check/programs/hold_out.py:run": ("none", "submission's", JOB, "the job's"),
    "recore/check/programs/load.py:watch": ("none", "what the submission's model runs", JOB, "the job's"),
    "recore/check/programs/observe.py:main": ("ours", "ours, then submission's", JOB, "the job's"),
    "recore/check/programs/observe.py:run": ("ours", "submission's", JOB, "the job's"),
    "recore/distribution.py:run_git": ("ours", "git", ALL + "git reads the user's settings", "none"),
    "recore/evaluation/record.py:_versions": ("ours", "git", ALL + "git reads the user's settings", "none"),
    "recore/handover/steps.py:_run": ("user's paths", "submission's", ALL + "run like any program", "none"),
    "recore/production/containers/evaluate.py:run_score": ("ours", "host's score.py", JOB, "the job's"),
    "recore/production/containers/model.py:run_train": ("request's", "job's", JOB, "the job's"),
    "recore/validation/workers.py:Worker.__init__": ("user's path", "submission's", ALL + "like `train.py`", "none"),
    "recore/web/process_reader.py:ProcessReader.__init__": ("none", "ours", ALL + "to a fork server", "none"),
    "recore/web/process_reader.py:ProcessReader._read": ("none", "ours, on visitors' files", ALL + "likewise", "none"),
}


def find_places(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each reference to a function that starts a process, also under another name: the function that contains
    it, and the source of the variables that a call passes, which is empty if the process inherits all.
    """
    full_names: dict[str, str] = {}
    nodes = list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            prefix = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            full_names |= {alias.asname or alias.name: prefix + alias.name for alias in node.names}
    calls = {node.func: node for node in nodes if isinstance(node, ast.Call)}
    # an annotation starts nothing
    annotations = {getattr(node, name, None) for node in nodes for name in ("annotation", "returns")}

    def visit(node: ast.AST, function: str, scope: ast.AST) -> Iterator[tuple[str, str]]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            function, scope = f"{function}.{node.name}".lstrip("."), node
        if isinstance(node, ast.Name | ast.Attribute):
            start, dot, rest = ast.unparse(node).partition(".")
            full_name = full_names.get(start, start) + dot + rest
            is_method = isinstance(node, ast.Attribute) and node.attr in METHODS and full_name != "psutil.Process"
            if full_name in NAMES or is_method:
                yield function, "; ".join(map(ast.unparse, passed_variables(calls.get(node), full_name, scope)))
        for child in ast.iter_child_nodes(node):
            if child not in annotations:
                yield from visit(child, function, scope)

    return visit(tree, "", tree)


def passed_variables(call: ast.Call | None, full_name: str, scope: ast.AST) -> list[ast.expr]:
    """Return the argument with the variables, and what the scope assigns to it if it is a name."""
    if call is None:
        return []
    values = [each.value for each in call.keywords if each.arg in ("env", "environment")]
    if full_name.startswith("os.exec") and full_name.endswith("e"):
        values = call.args[-1:]
    assignments = [each for each in ast.walk(scope) if isinstance(each, ast.Assign | ast.AugAssign)]
    names = [each.id for each in values if isinstance(each, ast.Name)]
    return values + [
        each.value for each in assignments for name in names if name in ast.unparse(each).partition("=")[0]
    ]


def test_each_process_has_a_row_and_receives_its_variables() -> None:
    places = []
    for name in ("stagemaker", "recore"):
        folder = Path(importlib.import_module(name).__file__ or "").parent
        for path in folder.rglob("*.py"):
            module = path.relative_to(folder.parent).as_posix()
            found = find_places(ast.parse(path.read_text("utf-8")))
            places += [(f"{module}:{function}", passed) for function, passed in found]
    assert {place for place, _ in places} == TABLE.keys()
    for place, passed in places:
        variables = TABLE[place][2]
        inherits = "os.environ" in passed or not passed
        if variables == PROGRAM:
            assert PROGRAM in passed, place
            assert "os.environ" not in passed, place
        elif variables == JOB:
            assert place.startswith(JOB_FOLDERS) or not inherits, place
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
    expected = [("start", passed) for passed in ("variables; {'A': '1'}", "{}", "", "")]
    assert list(find_places(ast.parse(source))) == [*expected, ("Job.call", ""), ("Job.run", "mine")]
