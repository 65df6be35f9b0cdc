"""`recore ml2p dataset`."""

from pathlib import Path

import click

from recore.cli.common import FILE, FOLDER, show_line
from recore.cli.ml2p.group import model_type, named, open_project, show, transferred
from recore.ml2p import datasets, wait


@click.group()
def dataset() -> None:
    """Manage datasets, named MODEL-YYYYMMDD.

    \b
    Example:
      python -m recore ml2p dataset create houses-20260131
      python -m recore ml2p dataset up houses-20260131 houses.csv
      python -m recore ml2p dataset describe houses-20260131
    """


@dataset.command("list")
def list_command() -> None:
    """List the project's datasets."""
    show(datasets.list_datasets(open_project()))


@named(dataset)
def create(name: str) -> None:
    """Create an empty dataset."""
    datasets.create(open_project(), name)
    show({"dataset": name})


@named(dataset)
def describe(name: str) -> None:
    """Show the size and the SHA-256 of a dataset.

    The dataset's SHA-256 is that of the lines that `sha256sum` prints for its files, sorted by name.
    """
    with transferred("reading") as advance:
        description = datasets.describe(open_project(), name, advance)
    show(description)


@named(dataset)
def ls(name: str) -> None:
    """List the files of a dataset."""
    show([{"filename": file.name, "size": file.size} for file in datasets.list_files(open_project(), name)])


@named(dataset)
@click.argument("source", type=FILE)
@click.argument("target", required=False)
def up(name: str, source: Path, target: str | None) -> None:
    """Upload a file to a dataset.

    SOURCE is uploaded as TARGET, or under its own name.
    """
    with transferred("uploading") as advance:
        datasets.upload(open_project(), name, source, target, advance)


@named(dataset)
@click.argument("source")
@click.argument("target", type=FILE, required=False)
def dn(name: str, source: str, target: Path | None) -> None:
    """Download a file of a dataset.

    SOURCE is written to TARGET, or to its own name here.
    """
    with transferred("downloading") as advance:
        datasets.download(open_project(), name, source, target or Path(Path(source).name), advance)


@named(dataset)
@click.argument("folder", type=FOLDER)
def download(name: str, folder: Path) -> None:
    """Download a dataset into a local environment.

    Its files go to FOLDER/input/data/training, where LocalEnv looks for them.

    \b
    Example:
      python -m recore ml2p dataset download houses-20260131 local
    """
    show({"folder": str(datasets.open_locally(open_project(), name, folder).dataset_folder())})


@named(dataset)
@click.argument("file")
def rm(name: str, file: str) -> None:
    """Delete a FILE of a dataset."""
    datasets.remove(open_project(), name, file)


@named(dataset)
def delete(name: str) -> None:
    """Delete a dataset with all its files."""
    show({"dataset": name, "deleted": datasets.delete(open_project(), name)})


@named(dataset)
@model_type
def generate(name: str, model_type: str | None) -> None:
    """Start the processing job that generates a dataset.

    \b
    Example:
      python -m recore ml2p dataset generate houses-20260131
      python -m recore ml2p dataset wait houses-20260131
    """
    show(datasets.generate(open_project(), name, model_type))


@named(dataset, "wait")
def wait_command(name: str) -> None:
    """Wait until a dataset is generated."""
    wait(open_project(), datasets.JOB, name, show_line)
