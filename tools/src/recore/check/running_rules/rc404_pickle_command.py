"""The model's pickle can run commands when it is loaded, on the machine of whoever loads it, the host's included. A
trained model needs none, so a host will reject such a file. Files of joblib are checked, too. A file that cannot be
read to its end is also an error, because it may hide a command.

    def __reduce__(self): return os.system, ("curl example.org",)

Fix: keep data and estimators in the model, and do the work in model_fn.
"""

from collections.abc import Iterator

from recore.check.experiments import Experiments
from recore.check.pickles import Pickle, read_pickles, short
from recore.check.places import place_of
from recore.check.rule import Finding, rule
from recore.text import plain

MODULES = frozenset(
    "os posix nt subprocess pty sys shutil socket runpy importlib imp ctypes code codeop commands webbrowser pdb "
    "multiprocessing asyncio threading _thread signal tempfile pathlib io _io pickle _pickle marshal "
    "shelve urllib http ftplib smtplib".split()
)
BUILTINS = frozenset("eval exec compile __import__ open input breakpoint globals locals vars delattr".split())
FIX = "Keep only data and estimators in the model, and do everything else in model_fn"
SAVE_AGAIN = "Save the model with pickle.dump or joblib.dump, as the only content of its file"


def judge(pickle: Pickle) -> tuple[str, str] | None:
    """A message and its remedy, if loading the pickle can run commands."""
    commands = [each for each in pickle.imports if _runs_commands(*each)]
    if commands:
        names = ", ".join(short(commands))
        return f"{pickle.name} calls {names} when it is loaded, so it can run any command", FIX
    if pickle.problem and not pickle.foreign:
        return f"{pickle.name} cannot be read to its end, so it may run any command: {pickle.problem}", SAVE_AGAIN
    return None


@rule("Loading the model runs no commands", needs=("RC301",))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    for pickle in read_pickles(experiments.training().archive):
        judged = judge(pickle)
        if judged:
            yield Finding(plain(judged[0]), judged[1], place_of(experiments.submission, "save_model"))


def _runs_commands(module: str, name: str) -> bool:
    if not module:
        return True  # the name is computed while the pickle loads, which pickle itself never writes
    return module.split(".")[0] in MODULES or (module == "builtins" and name.split(".")[0] in BUILTINS)
