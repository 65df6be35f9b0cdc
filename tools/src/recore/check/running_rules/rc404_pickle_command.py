"""The model's pickle can run commands when it is loaded, on the machine of whoever loads it, the host's included. A
trained model needs none, so a host will refuse such a file.

    def __reduce__(self): return os.system, ("curl example.org",)

Fix: keep data and estimators in the model, and do the work in model_fn.
"""

from collections.abc import Iterator

from recore.check.experiments import Experiments
from recore.check.pickles import read_pickles, short
from recore.check.places import place_of
from recore.check.rule import Finding, rule
from recore.text import plain

MODULES = frozenset(
    "os posix nt subprocess pty sys shutil socket runpy importlib imp ctypes code codeop commands webbrowser pdb "
    "multiprocessing asyncio threading _thread signal tempfile pathlib io _io urllib http ftplib smtplib".split()
)
BUILTINS = frozenset("eval exec compile __import__ open input breakpoint globals locals vars delattr".split())
FIX = "Keep only data and estimators in the model, and do everything else in model_fn"


@rule("Loading the model runs no commands", needs=("RC301",))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    for pickle in read_pickles(experiments.training().archive):
        commands = [each for each in pickle.imports if _runs_commands(*each)]
        if commands:
            names = ", ".join(short(commands))
            message = f"{pickle.name} calls {names} when it is loaded, so it can run any command"
            yield Finding(plain(message), FIX, place_of(experiments.submission, "save_model"))


def _runs_commands(module: str, name: str) -> bool:
    if not module:
        return True  # the name is computed while the pickle loads, which pickle itself never writes
    return module.split(".")[0] in MODULES or (module == "builtins" and name.split(".")[0] in BUILTINS)
