"""tar.gz archives of a job: packed from what it leaves, unpacked for it without a path that leads out."""

import os
import tarfile
from pathlib import Path

from recore.simulator.jobs.failure import JobFailed
from recore.simulator.jobs.output_files import Check, CheckedReader, OutputFolder
from recore.simulator.jobs.volume import Volume


def pack(folder: OutputFolder, archive: Path, volume: Volume, check: Check = lambda: None) -> None:
    """A folder's content as a tar.gz, as SageMaker packs a model. Absolute links are left out.

    check: called before each chunk; it raises where the job must end. Raises JobFailed where the folder cannot be read,
    or holds more than the volume.
    """
    if not folder.exists() or not folder.path.is_dir():
        raise JobFailed(f"AlgorithmError: {folder.name} is not a folder any more")
    folder.check_volume(volume, check, packed=True)
    try:
        with tarfile.open(archive, mode="w:gz", compresslevel=1) as tar:
            for file in folder.files(check):
                member = tar.gettarinfo(os.path.join(folder.path, file.name), file.name)
                if member.isreg():
                    with file.open() as content:
                        tar.addfile(member, CheckedReader(content, member.size, check))
                elif not member.issym() or not os.path.isabs(member.linkname):
                    tar.addfile(member)
    except (OSError, tarfile.TarError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise JobFailed(f"AlgorithmError: {folder.name} cannot be packed: {reason}") from None


def unpack(archive: Path, folder: Path) -> None:
    """A tar archive's content into a folder; nothing outside it. Raises JobFailed if it is invalid or hostile."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter=_within)  # noqa: S202 - with a filter stricter than the one it asks for
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise JobFailed(f"ClientError: {archive.name} cannot be unpacked: {error}") from None


def _within(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    """tarfile's own filter, and no member through a link that came before it: some Python 3.12 let those out."""
    beside = os.path.dirname(member.name) if member.issym() else ""
    names = [member.name, *([os.path.join(beside, member.linkname)] if member.linkname else [])]
    for name in names:
        if any(Path(folder, place).is_symlink() for place in (Path(name), *Path(name).parents)):
            raise tarfile.LinkOutsideDestinationError(member, name)
    return tarfile.data_filter(member, folder)
