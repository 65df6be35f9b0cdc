"""`unearthed build` runs setup.py and uploads the files that setuptools packs; `recore` only reads setup.py and
MANIFEST.in. If the results differ, the platform gets different files from a run, or none, because the client exits with
status 0 even if setup.py fails. The files are compared by content.

    setup(py_modules=[path.stem for path in Path().glob("*.py")])   # or files that only setup.cfg lists

Fix: list all names in `py_modules` and `packages` of setup.py, and all other files in MANIFEST.in.
"""

import hashlib
from fnmatch import fnmatch

from recore.check.experiments import Experiments
from recore.check.failures import ExperimentError
from recore.check.rule import Finding, Findings, Location, rule
from recore.failures import last_error, read_end

FIX = "List all modules by name in py_modules of setup.py, and all other files in MANIFEST.in"
SHOWN = 5


@rule("The archive that setuptools builds contains the files that were checked")
def inspect(experiments: Experiments) -> Findings:
    if experiments.project is None:
        return
    try:
        build = experiments.build()
    except ExperimentError as failed:
        yield failed.finding("The source distribution could not be built")
        return
    if build.status or build.error:
        reason = build.error if not build.status else last_error(read_end(build.log)) or f"status {build.status}"
        yield Finding(f"`python setup.py sdist` fails: {reason}", FIX, Location("setup.py"))
        return
    # newer setuptools also pack tests, unlike the client's version, 57.5
    packed_hashes = {name: sha256 for name, sha256 in build.files.items() if not fnmatch(name, "tests/test*.py")}
    checked_hashes = {name: hashlib.sha256(body).hexdigest() for name, body in experiments.submission.files.items()}
    common = checked_hashes.keys() & build.files.keys()
    for verb, names in (
        ("does not contain", checked_hashes.keys() - build.files.keys()),
        ("also contains", packed_hashes.keys() - checked_hashes.keys()),
        ("contains a different version of", [name for name in common if checked_hashes[name] != build.files[name]]),
    ):
        if names:
            shown_names = ", ".join(sorted(names)[:SHOWN]) + (" ..." if len(names) > SHOWN else "")
            yield Finding(f"The archive that setuptools builds {verb} {shown_names}", FIX, Location("setup.py"))
