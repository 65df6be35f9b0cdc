"""The commands that write a submission, and its archive: `recore new` and `recore pack`."""

import hashlib
import shlex
from pathlib import Path

import click

from recore.atomic import replaced
from recore.cli.common import FILE, show_json
from recore.distribution import INSTALLED, PROGRAM
from recore.listing import count
from recore.outputs import check_writable
from recore.template import DEFAULT_MODEL, list_models, make_challenge, write_submission
from recore.text import plain


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--model", type=click.Choice(list_models()), default=DEFAULT_MODEL, help="The model to start with.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def new(folder: Path, model: str, as_json: bool) -> None:
    """Write a complete submission into a new FOLDER.

    The folder holds the template's scripts with the chosen model, score.py, the files that the Unearthed CLI reads,
    tests of the platform's contract, a Makefile, a workflow for GitHub, and a README.md that explains all of these.

    Exit status: 0 the submission was written, 2 wrong use or a folder that is not empty.

    \b
    Example:
      python -m recore new ../mine --model pls
      python -m recore run ../mine
    """
    names = write_submission(folder, model)
    if as_json:
        show_json({"folder": str(folder), "model": model, "files": names})
        return
    click.echo(f"new: {folder} holds {len(names)} files; edit {folder / 'train.py'}")
    quoted = shlex.quote(str(folder))
    if INSTALLED or PROGRAM == "recore":  # it can be called in any folder
        click.echo(f"next: cd {quoted}; then `{PROGRAM} run`, `{PROGRAM} validate`, `{PROGRAM} check` or `make test`")
        click.echo(f"data: put the challenge's data into {folder / 'data'}, or run `{PROGRAM} sample --out data` there")
    else:
        click.echo(f"next: {PROGRAM} run {quoted}, {PROGRAM} validate {quoted}, make -C {quoted} test")


@click.command("new-challenge")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--targets", type=FILE, required=True, help="A CSV with the columns name, weight and unit.")
@click.option(
    "--id",
    "ids",
    multiple=True,
    metavar="COLUMN",
    help="An ID; the rows of the first are held out together. Repeatable.  [default: SiteID, DepthFrom, DepthTo]",
)
@click.option("--group-name", metavar="WORD", help="What the first ID identifies.  [default: drill hole, or group]")
@click.option("--title", help="The name of the challenge.  [default: the name of FOLDER]")
@click.option("--subject", default="infrared spectra", help="What is measured, such as 'infrared spectra of soils'.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def new_challenge(
    folder: Path,
    targets: Path,
    ids: tuple[str, ...],
    group_name: str | None,
    title: str | None,
    subject: str,
    as_json: bool,
) -> None:
    """Write a challenge of your own into a new FOLDER.

    The folder holds a submission with your targets in score.py and preprocess.py, and pages about the data and the
    model. Without weights in the table, all targets have the same. A target without a unit has none, unless its name
    ends in PPM, PPB or PCT.

    Exit status: 0 the challenge was written, 2 wrong use, an invalid table or a folder that is not empty.

    \b
    Example:
      python -m recore new-challenge ../soils --targets targets.csv \\
        --id FieldID --id SampleNo --group-name field --title "Soils 2027"
    """
    own = make_challenge(targets, ids, group_name, title or folder.absolute().name, subject)
    names = write_submission(folder, new_challenge=own)
    if as_json:
        show_json({"folder": str(folder), "targets": list(own.targets), "files": names})
        return
    click.echo(f"new-challenge: {folder} holds {len(names)} files; {count(len(own.targets), 'target')} in score.py")
    click.echo(
        f"next: cd {shlex.quote(str(folder))}; then `{PROGRAM} sample --out data` and `{PROGRAM} run`, or `make run`"
    )


@click.command()
@click.argument("submission", type=click.Path(path_type=Path), default=Path())
@click.option("--out", type=FILE, help="The archive.  [default: src.tar.gz in SUBMISSION]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def pack(submission: Path, out: Path | None, as_json: bool) -> None:
    """Write src.tar.gz, the archive that is uploaded.

    SUBMISSION is a folder with setup.py, by default the current one. The archive holds the files that `unearthed build`
    packs; setup.py and MANIFEST.in are read and not run, so neither Docker nor the Unearthed CLI is needed. First the
    rules of `check --source-only` are applied: if they find an error, nothing is written.

    The same files produce the same archive, so its SHA-256 identifies the version; run.json contains it, too.

    Exit status: 0 the archive was written, 1 an error was found in the submission, 2 wrong use or invalid input.

    \b
    Example:
      python -m recore pack
      python -m recore pack ../mine --out mine.tar.gz
    """
    from recore.check import check_source, is_negative, to_json, to_text
    from recore.evaluation import ARCHIVE_NAME, read_submission

    target = out or submission / ARCHIVE_NAME
    _check_target(submission, target, submission / ARCHIVE_NAME)
    results = check_source(submission)
    if is_negative(results):
        click.echo(to_json(results, submission) if as_json else to_text(results, submission))
        click.echo(f"recore: nothing was packed: correct the errors in {plain(str(submission))}", err=True)
        raise SystemExit(1)
    click.echo(to_text(results, submission), err=True)
    files = read_submission(submission)
    content = files.archive
    try:
        with replaced(target) as [part]:
            part.write_bytes(content)
    except OSError as error:
        raise OSError(f"{target}: the archive could not be written: {error.strerror}") from error
    archive = {"archive": str(target), "bytes": len(content), "sha256": files.sha256}
    if as_json:
        listed = [
            {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in sorted(files.files.items())
        ]
        show_json(archive | {"files": listed})
        return
    for name, content in sorted(files.files.items()):
        click.echo(f"{len(content):11,}  {plain(name)}")
    click.echo(f"pack: {plain(str(target))} holds {len(files.files)} files, {archive['bytes']:,} bytes")
    click.echo(f"pack: SHA-256 {archive['sha256']}")


def _check_target(submission: Path, target: Path, default: Path) -> None:
    """Raise an error if the archive cannot be written, or would be a part of the next one."""
    if submission.is_file():
        raise ValueError(f"{submission}: this is a file, not a submission folder; an archive is already packed")
    if not submission.is_dir():
        raise FileNotFoundError(f"{submission}: there is no such folder")
    if not (submission / "setup.py").is_file():
        raise ValueError(f"{submission}: there is no setup.py to name the files to upload: copy the template's")
    check_writable(target)
    folder, root = target.absolute().parent.resolve(), submission.resolve()
    if folder.is_relative_to(root) and not (folder == root and target.name.endswith(".tar.gz")):
        raise ValueError(
            f"{target}: the next archive could contain it; choose a folder outside the submission, or omit "
            f"--out to write {default}"
        )
