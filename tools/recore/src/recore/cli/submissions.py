"""Commands that write a submission, a challenge or an archive: `recore new`, `new-challenge` and `pack`."""

import hashlib
import shlex
from pathlib import Path

import click

from recore.atomic import replace_paths
from recore.cli.common import FILE, FOLDER, show_json, show_line, submission_argument
from recore.distribution import INSTALLED, PROGRAM, TEMPLATE
from recore.listing import count
from recore.outputs import check_writable
from recore.template import DEFAULT_MODEL, edited_files, list_models, make_challenge, read_sources, write_submission
from recore.text import plain


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--model", type=click.Choice(list_models()), help=f"Model to start with.  [default: {DEFAULT_MODEL}]")
@click.option("--from", "source", type=FOLDER, help="Folder of your own files to copy instead of the template's.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def new(folder: Path, model: str | None, source: Path | None, as_json: bool) -> None:
    """Write a complete submission to a new FOLDER.

    The folder contains the template's scripts with the chosen model, score.py, the files that the Unearthed CLI reads,
    tests of the platform's contract, a Makefile, a GitHub workflow, and a README.md that explains them. The template's
    scripts are written as they were released, even if you have edited them; --from copies your own.

    Exit status: 0 the submission was written, 2 usage error or a folder that is not empty.

    \b
    Example:
      python -m recore new ../mine --model pls
      python -m recore new ../mine --from .
      python -m recore run ../mine
    """
    names = write_submission(folder, model, source=source)
    if as_json:
        show_json({"folder": str(folder), "model": model or (DEFAULT_MODEL if not source else None), "files": names})
        return
    if source:
        click.echo(f"new: copied {', '.join(map(plain, sorted(read_sources(source))))} from {plain(str(source))}")
    else:
        _show_edited("new", f"; `{PROGRAM} new FOLDER --from {shlex.quote(str(TEMPLATE))}` copies yours")
    click.echo(f"new: wrote {len(names)} files to {folder}; edit {folder / 'train.py'}")
    quoted = shlex.quote(str(folder))
    if INSTALLED or PROGRAM == "recore":  # the command works from any folder
        click.echo(f"next: cd {quoted}; then `{PROGRAM} run`, `{PROGRAM} validate`, `{PROGRAM} check` or `make test`")
        click.echo(
            f"data: put the challenge's data in {folder / 'data'}, or run `{PROGRAM} sample --out data` in {folder}"
        )
    else:
        click.echo(f"next: {PROGRAM} run {quoted}, {PROGRAM} validate {quoted}, make -C {quoted} test")


def _show_edited(command: str, fix: str = "") -> None:
    """Print the names of the files that were edited in this checkout and therefore not copied from it."""
    if names := ", ".join(edited_files()):
        show_line(f"{command}: wrote the released template, for this challenge, without your edits of {names}{fix}")


@click.command("new-challenge")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--targets", type=FILE, required=True, help="CSV file with the columns name, weight and unit.")
@click.option(
    "--id",
    "ids",
    multiple=True,
    metavar="COLUMN",
    help="ID; rows with the same first ID are held out together. Repeatable.  [default: SiteID, DepthFrom, DepthTo]",
)
@click.option("--group-name", metavar="WORD", help="What the first ID identifies.  [default: drill hole, or group]")
@click.option("--title", help="Name of the challenge.  [default: the name of FOLDER]")
@click.option("--subject", default="infrared spectra", help="Subject, such as 'infrared spectra of soils'.")
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
    """Write your own challenge to a new FOLDER.

    The folder contains a submission with your targets in score.py and preprocess.py, and pages about the data and the
    model. If the table has no weights, all targets have equal weights. If it has no unit for a target, the unit is
    taken from the target's name (PPM, PPB or PCT), if possible.

    Exit status: 0 the challenge was written, 2 usage error, an invalid table or a folder that is not empty.

    \b
    Example:
      python -m recore new-challenge ../soils --targets targets.csv \\
        --id FieldID --id SampleNo --group-name field --title "Soils 2027"
    """
    spec = make_challenge(targets, ids, group_name, title or folder.absolute().name, subject)
    names = write_submission(folder, new_challenge=spec)
    if as_json:
        show_json({"folder": str(folder), "targets": list(spec.targets), "files": names})
        return
    _show_edited("new-challenge")
    click.echo(f"new-challenge: wrote {len(names)} files to {folder}; {count(len(spec.targets), 'target')} in score.py")
    click.echo(
        f"next: cd {shlex.quote(str(folder))}; then `{PROGRAM} sample --out data` and `{PROGRAM} run`, or `make run`"
    )


@click.command()
@submission_argument
@click.option("--out", type=FILE, help="Archive to write.  [default: src.tar.gz in SUBMISSION]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def pack(submission: Path, out: Path | None, as_json: bool) -> None:
    """Write src.tar.gz, the archive to upload.

    SUBMISSION is a folder with setup.py, by default the current one. The archive contains the files that `unearthed
    build` packs; setup.py and MANIFEST.in are read but not run; neither Docker nor the Unearthed CLI is needed. The
    rules of `check --source-only` are applied first: if they find an error, nothing is written.

    The same files produce the same archive, so its SHA-256 identifies the version; run.json also records this hash.

    Exit status: 0 the archive was written, 1 an error was found in the submission, 2 usage error or invalid input.

    \b
    Example:
      python -m recore pack
      python -m recore pack ../mine --out mine.tar.gz
    """
    from recore.check import check_source, is_negative, to_json, to_text
    from recore.evaluation import ARCHIVE_NAME, read_submission

    destination = out or submission / ARCHIVE_NAME
    _check_destination(submission, destination, submission / ARCHIVE_NAME)
    results = check_source(submission)
    if is_negative(results):
        click.echo(to_json(results, submission) if as_json else to_text(results, submission))
        click.echo(f"recore: nothing was packed; fix the errors in {plain(str(submission))}", err=True)
        raise SystemExit(1)
    click.echo(to_text(results, submission), err=True)
    files = read_submission(submission)
    content = files.archive
    try:
        with replace_paths(destination) as [part]:
            part.write_bytes(content)
    except OSError as error:
        raise OSError(f"the archive {destination} could not be written: {error.strerror}") from error
    archive = {"archive": str(destination), "bytes": len(content), "sha256": files.sha256}
    if as_json:
        listed = [
            {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in sorted(files.files.items())
        ]
        show_json(archive | {"files": listed})
        return
    for name, content in sorted(files.files.items()):
        click.echo(f"{len(content):11,}  {plain(name)}")
    click.echo(f"pack: wrote {len(files.files)} files to {plain(str(destination))}, {archive['bytes']:,} bytes")
    click.echo(f"pack: SHA-256 {archive['sha256']}")


def _check_destination(submission: Path, destination: Path, default: Path) -> None:
    """Raise ValueError or OSError if the archive cannot be written, or if a later archive could contain it."""
    if submission.is_file():
        raise ValueError(f"{submission}: this is a file; specify the folder of a submission")
    if not submission.is_dir():
        raise FileNotFoundError(f"{submission}: there is no such folder")
    if not (submission / "setup.py").is_file():
        raise ValueError(f"{submission}: setup.py is missing; it lists the files to upload: copy it from the template")
    check_writable(destination)
    folder, root = destination.absolute().parent.resolve(), submission.resolve()
    if folder.is_relative_to(root) and not (folder == root and destination.name.endswith(".tar.gz")):
        raise ValueError(
            f"{destination}: this archive could be packed into the next one; choose a folder outside the submission, "
            f"or omit --out to write {default}"
        )
