"""Write a new submission: the template's files with one of its example models, but without the tools.

The submission for a new challenge also has the host's targets, a page about the data and a model card.
"""

import ast
import sys
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from recore.atomic import replace_paths
from recore.challenge import SCORE_SCRIPT, Challenge, activate, challenge, score_script
from recore.distribution import TEMPLATE, find_origin, install_command
from recore.outputs import check_writable
from recore.template.challenge_files import fill_in, is_template, write_challenge
from recore.template.originals import BLOB_IDS, is_edited, read_original

EXAMPLES = TEMPLATE / "examples"
EXTRA_FILES = Path(__file__).parent / "files"  # in a new submission, instead of the template's
EXTRA_NAMES = {
    "Makefile": "Makefile",
    "README.md": "README.md",
    "gitignore": ".gitignore",
    "check.yml": ".github/workflows/check.yml",
}
CHALLENGE_NAMES = {"data.md": "data/README.md", "model_card.md": "MODEL_CARD.md"}  # only in a challenge
HOSTS_PART = "host.md"  # appended to the README of a challenge
INSTALL_NOTE = "`{command}` installs `recore`."
UNKNOWN_NOTE = (
    "`{command}` installs `recore`; replace ADDRESS with the address of its repository. **Write `git+` and this "
    "address after `RECORE:` in `.github/workflows/check.yml`**; `recore new` could not determine it."
)
DEFAULT_MODEL = "ridge"  # the model of the template
FILES = [name for name in BLOB_IDS if "/" not in name]
Import = ast.Import | ast.ImportFrom


def list_models() -> list[str]:
    """Return the models that a new submission can start with, the default first.

    Examples with a config.json are left out, because they need images other than the challenge's.
    """
    scripts = [path for path in EXAMPLES.glob("*/fit.py") if not path.with_name("config.json").exists()]
    return [DEFAULT_MODEL, *sorted(path.parent.name for path in scripts)]


def write_submission(
    folder: Path, model: str | None = None, new_challenge: Challenge | None = None, source: Path | None = None
) -> list[str]:
    """Write a submission to a folder that does not exist or is empty, and return the names of its files.

    model: by default DEFAULT_MODEL or, with `source`, its own. new_challenge: write the submission for this challenge,
    by default the current one, and include the files that its host needs. source: a submission whose files replace the
    template's. The folder is written atomically. Raises FileExistsError if the folder is not empty, or ValueError if
    the model does not exist.
    """
    if model and model not in list_models():
        raise ValueError(f"the model {model!r} does not exist; choose one of {', '.join(list_models())}")
    if source and model == DEFAULT_MODEL:
        raise ValueError(f"--from copies the model of {source}: omit --model {model}")
    folder = folder.absolute()
    _check_empty(folder)
    check_writable(folder)
    with replace_paths(folder) as [complete]:
        complete.mkdir()
        with activate(new_challenge or challenge()):
            files = _read_files(source, TEMPLATE / SCORE_SCRIPT if new_challenge else score_script())
            _fill_template(complete, files, model, EXTRA_NAMES | (CHALLENGE_NAMES if new_challenge else {}))
            if not (source or is_template(challenge())):
                write_challenge(complete, challenge())
            if new_challenge:
                with (complete / "README.md").open("a", encoding="utf-8") as readme:
                    readme.write("\n" + fill_in((EXTRA_FILES / HOSTS_PART).read_text("utf-8")))
        _check_empty(folder)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def edited_files() -> list[str]:
    """Return the names of the template's files that the owner of this checkout has edited."""
    return [name for name in BLOB_IDS if is_edited(name)]


def read_sources(submission: Path) -> dict[str, bytes]:
    """Return the files that a submission uploads, and the other files that `recore new` writes, by name."""
    from recore.evaluation import read_submission

    others = {name: (submission / name).read_bytes() for name in FILES if (submission / name).is_file()}
    return read_submission(submission).files | others


def _check_empty(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise FileExistsError(f"{folder} already exists and is not an empty folder; choose a different one")


def _read_files(source: Path | None, score: Path) -> dict[str, bytes]:
    """Return the files of a submission by name. score: the current challenge's score.py."""
    files = read_sources(source) if source else {}
    if SCORE_SCRIPT not in files and score.resolve() != (TEMPLATE / SCORE_SCRIPT).resolve():
        files[SCORE_SCRIPT] = score.read_bytes()
    names = [name for name in BLOB_IDS if not (name in files or name.startswith("examples/"))]
    return files | {name: read_original(name) for name in names}


def _fill_template(folder: Path, files: dict[str, bytes], model: str | None, extra_names: Mapping[str, str]) -> None:
    if model and model != DEFAULT_MODEL:
        train, fit = files["train.py"].decode(), read_original(f"examples/{model}/fit.py").decode()
        files["train.py"] = replace_fit(train, fit).encode()
        if (EXAMPLES / model / "requirements.txt").is_file():
            files["requirements.txt"] += read_original(f"examples/{model}/requirements.txt")
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(files[name])
    origin = find_origin()
    install = (INSTALL_NOTE if origin else UNKNOWN_NOTE).format(command=install_command(origin))
    for name, destination in extra_names.items():
        content = fill_in((EXTRA_FILES / name).read_text("utf-8"))
        content = content.replace("{origin}", origin or "").replace("{install}", install)
        (folder / destination).parent.mkdir(parents=True, exist_ok=True)
        (folder / destination).write_text(content, "utf-8")


def replace_fit(train: str, example: str) -> str:
    """Replace fit() in the template's train.py with the code and imports of an example.

    Imports that only the template's fit() needs are removed.
    """
    docstring, imports, code = _split(train)
    if not ("\ndef fit(" in code and "\ndef save_model(" in code):
        raise ValueError("train.py has no fit() followed by save_model(), as in the template: omit --model")
    _, new_imports, new_code = _split(example)
    head, _, remainder = code.partition("\ndef fit(")
    tail = remainder.partition("\ndef save_model(")[2]
    nodes = ast.walk(ast.parse(f"{head}\ndef save_model({tail}"))
    used_names = {node.id for node in nodes if isinstance(node, ast.Name)}
    needed = [each for each in imports if used_names & {alias.asname or alias.name for alias in each.names}]
    import_lines = {ast.unparse(each): _import_order(each) for each in (*needed, *new_imports)}
    groups = groupby(sorted(import_lines, key=lambda line: import_lines[line]), key=lambda line: import_lines[line][0])
    sections = ["\n".join(lines) for _, lines in groups]
    return f"{docstring}{'\n\n'.join(sections)}\n{head.rstrip()}\n\n\n{new_code.strip()}\n\n\ndef save_model({tail}"


def _split(script: str) -> tuple[str, list[Import], str]:
    imports = [node for node in ast.parse(script).body if isinstance(node, Import)]
    lines = script.splitlines(keepends=True)
    return "".join(lines[: imports[0].lineno - 1]), imports, "".join(lines[imports[-1].end_lineno :])


def _import_order(node: Import) -> tuple[int, bool, str]:
    """Return a sort key: standard library imports first, the submission's own last."""
    is_from = isinstance(node, ast.ImportFrom)
    module = str(node.module) if isinstance(node, ast.ImportFrom) else node.names[0].name
    group = 0 if module in sys.stdlib_module_names else 2 if f"{module}.py" in FILES else 1
    return group, is_from, module
