"""A job has only the uploaded files, and its data at the platform's paths. It never has `data/`, `model/`, `score.py`
or local folders, and `preprocess.py` runs without any other file. A local run without a sandbox still finds them all.

    weights = np.load("weights.npy")     # not uploaded
    data = pd.read_csv("/home/ada/recore/public.csv.gz")

Fix: read data from the platform's paths, such as `SM_CHANNEL_TRAINING` or `--input`; list other files that `train.py`
needs in `MANIFEST.in`.
"""

import posixpath
import re

from recore.check import file_uses
from recore.check.rule import Finding, Findings, Level, Location, rule
from recore.check.script import Context, Script, keywords_of, method_of
from recore.check.source import SubmissionSource
from recore.failures import is_in_job

DATA = re.compile(r"\.(?:csv|gz|parquet|xlsx?)$")
NOT_IN_JOBS = "{!r} is a local path; a job has only /opt/ml and /tmp"
FIXES = {  # by script
    "preprocess.py": "take the path from --input, whose default is /opt/ml/processing/input/public/public.csv.gz",
    "train.py": 'use os.environ["SM_CHANNEL_TRAINING"] + "/public.csv.gz", which is '
    "/opt/ml/input/data/training/public.csv.gz in a job",
}


@rule("The scripts read only files that a job has", needs=("RC201",))
def inspect(source: SubmissionSource) -> Findings:
    for script in source.scripts:
        uses = list(file_uses.find_file_uses(script))
        written_paths = {use.path for use in uses if use.writes}
        for use in uses:
            if not use.writes and use.path not in written_paths and _is_certain(use.context, script):
                yield from _check_read(source, script, use)
        yield from _check_defaults(script)
        yield from _check_arguments(script)


def _fix_data(script: Script) -> str:
    return FIXES.get(script.file, FIXES["train.py"])


def _is_certain(context: Context, script: Script) -> bool:
    """Return whether code certainly reads a file: unconditionally, and without handling its absence."""
    is_handled = context.handles("OSError", "FileNotFoundError", "IOError")
    return script.executes(context) and not context.conditional and not is_handled


def _check_read(source: SubmissionSource, script: Script, use: file_uses.FileUse) -> Findings:
    name, location = file_uses.relative_to_submission(use.path), Location(script.file, use.line)
    is_known = use.path.startswith("/opt/ml/") and not use.path.startswith(f"/opt/ml/{file_uses.WILDCARD}")
    is_above = is_known and not is_in_job(use.path)  # through __file__, which is in CODE
    path = posixpath.relpath(use.path, file_uses.CODE) if is_above else use.path
    if file_uses.ABSOLUTE.fullmatch(path) or path.startswith(".."):
        yield Finding(NOT_IN_JOBS.format(path), _fix_data(script), location)
        return
    if not name or name == file_uses.WILDCARD or name in (".", script.file):
        return
    top = name.partition("/")[0]
    if top in file_uses.LOCAL_ONLY:
        message = f"{use.path!r} does not exist in a job: {top} is never uploaded"
        yield Finding(message, _fix_data(script), location)
    elif script.file == "preprocess.py":
        message = f"step 2 runs preprocess.py without other files, so {name!r} does not exist"
        yield Finding(message, "move its contents into preprocess.py", location)
    elif file_uses.WILDCARD not in name and not any(
        file == name or file.startswith(f"{name}/") for file in source.uploads
    ):
        if source.tree.exists(name):
            yield Finding(f"{name!r} is not uploaded", f"add a line `include {name}` to MANIFEST.in", location)
        else:
            message = f"{name!r} is neither in the submission nor in the folder where a job starts"
            yield Finding(message, "use a path that the platform provides, or add the file", location, Level.WARNING)


def _check_defaults(script: Script) -> Findings:
    """Yield findings about arguments whose default is a local path, because the platform passes no arguments."""
    for node, context in script.calls:
        if method_of(node) != "add_argument" or context.conditional or not script.executes(context):
            continue
        path = file_uses.path_of(keywords_of(node).get("default"), script)
        if path and file_uses.is_local_path(path):
            message = f"the platform passes no path, and the default {path!r} does not exist in a job"
            yield Finding(message, _fix_data(script), Location(script.file, node.lineno), Level.WARNING)


def _check_arguments(script: Script) -> Findings:
    """Yield findings about local data files that are passed to the submission's functions."""
    for node, context in script.calls:
        name = script.name_of(node.func)
        if not (name in script.functions or name == "preprocess.preprocess") or not _is_certain(context, script):
            continue
        for argument in [*node.args, *keywords_of(node).values()]:
            path = file_uses.path_of(argument, script)
            if path and DATA.search(path) and file_uses.is_local_path(path):
                location = Location(script.file, node.lineno)
                yield Finding(NOT_IN_JOBS.format(path), _fix_data(script), location, Level.WARNING)
