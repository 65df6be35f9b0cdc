"""`recore ml2p dataset`."""

from pathlib import Path

import click

from recore.cli.common import FILE, FOLDER
from recore.cli.ml2p.group import model_type, open_project, show, tell_status, transferred


@click.group()
def dataset() -> None:
    """Make datasets, named MODEL-YYYYMMDD.

    \b
    Example:
      python -m recore ml2p dataset create houses-20260131
      python -m recore ml2p dataset up houses-20260131 houses.csv
      python -m recore ml2p dataset describe houses-20260131
    """


@dataset.command("list")
def list_command() -> None:
    """List the project's datasets."""
    from recore.ml2p import datasets

    show(datasets.list_datasets(open_project()))


@dataset.command()
@click.argument("name")
def create(name: str) -> None:
    """Make an empty dataset."""
    from recore.ml2p import datasets

    project = open_project()
    datasets.create(project, name)
    show({"dataset": name})


@dataset.command()
@click.argument("name")
def describe(name: str) -> None:
    """Show the size and the SHA-256 of a dataset.

    That of the dataset is the SHA-256 of the lines that `sha256sum` prints for its files, sorted by name.
    """
    from recore.ml2p import datasets

    with transferred("reading") as advance:
        described = datasets.describe(open_project(), name, advance)
    show(described)


@dataset.command()
@click.argument("name")
def ls(name: str) -> None:
    """List the files of a dataset."""
    from recore.ml2p import datasets

    show([{"filename": file.name, "size": file.size} for file in datasets.list_files(open_project(), name)])


@dataset.command()
@click.argument("name")
@click.argument("source", type=FILE)
@click.argument("target", required=False)
def up(name: str, source: Path, target: str | None) -> None:
    """Upload a file to a dataset.

    SOURCE is uploaded as TARGET, or under its own name.
    """
    from recore.ml2p import datasets

    with transferred("uploading") as advance:
        datasets.upload(open_project(), name, source, target, advance)


@dataset.command()
@click.argument("name")
@click.argument("source")
@click.argument("target", type=FILE, required=False)
def dn(name: str, source: str, target: Path | None) -> None:
    """Download a file of a dataset.

    SOURCE is written to TARGET, or to its own name here.
    """
    from recore.ml2p import datasets

    with transferred("downloading") as advance:
        datasets.download(open_project(), name, source, target or Path(Path(source).name), advance)


@dataset.command()
@click.argument("name")
@click.argument("folder", type=FOLDER)
def download(name: str, folder: Path) -> None:
    """Download a dataset into a local environment.

    Its files go to FOLDER/input/data/training, where LocalEnv looks for them.

    \b
    Example:
      python -m recore ml2p dataset download houses-20260131 local
    """
    from recore.ml2p import datasets

    show({"folder": str(datasets.open_locally(open_project(), name, folder).dataset_folder())})


@dataset.command()
@click.argument("name")
@click.argument("file")
def rm(name: str, file: str) -> None:
    """Delete a FILE of a dataset."""
    from recore.ml2p import datasets

    datasets.remove(open_project(), name, file)


@dataset.command()
@click.argument("name")
def delete(name: str) -> None:
    """Delete a dataset with all its files."""
    from recore.ml2p import datasets

    show({"dataset": name, "deleted": datasets.delete(open_project(), name)})


@dataset.command()
@click.argument("name")
@model_type
def generate(name: str, model_type: str | None) -> None:
    """Start the processing job that generates a dataset.

    \b
    Example:
      python -m recore ml2p dataset generate houses-20260131
      python -m recore ml2p dataset wait houses-20260131
    """
    from recore.ml2p import datasets

    show(datasets.generate(open_project(), name, model_type))


@dataset.command()
@click.argument("name")
def wait(name: str) -> None:
    """Wait until a dataset is generated."""
    from recore.ml2p import datasets

    datasets.wait_until_generated(open_project(), name, tell_status)
