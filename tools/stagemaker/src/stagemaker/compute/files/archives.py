"""Pack jobs' output files into tar.gz archives, and unpack archives without writing outside a folder."""

import os
from pathlib import Path

from stagemaker import machine
from stagemaker.archive_members import ARCHIVE_ERRORS, CheckedReader, read_members, remove_owner, tarfile
from stagemaker.compute.failure import JobFailed
from stagemaker.compute.files.output_files import Announce, OutputFolder, StopCheck, ignore
from stagemaker.compute.processes.volume import Volume


def pack(
    folder: OutputFolder, archive: Path, volume: Volume, raise_if_stopping: StopCheck, announce: Announce = ignore
) -> None:
    """Pack a folder's content into a tar.gz archive, as SageMaker does for models, omitting absolute symbolic links.

    Raises JobFailed if the folder cannot be read or is larger than the volume, and OSError if the local disk is full.
    """
    if not folder.exists() or not folder.path.is_dir():
        raise JobFailed(f"AlgorithmError: the folder {folder.name} was removed or replaced")
    announce(folder.measure_volume(volume, raise_if_stopping, is_archive=True))
    try:
        with tarfile.open(archive, mode="w:gz", compresslevel=1) as tar:
            for file in folder.files(raise_if_stopping):
                member = remove_owner(tar.gettarinfo(os.path.join(folder.path, file.name), file.name))
                if member.isreg():
                    with file.open() as content:
                        tar.addfile(member, CheckedReader(content, member.size, raise_if_stopping))
                elif not member.issym() or not os.path.isabs(member.linkname):
                    tar.addfile(member)
    except (OSError, tarfile.TarError) as error:
        if machine.is_disk_full(error):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise JobFailed(f"AlgorithmError: {folder.name} could not be packed: {reason}") from None


def unpack(archive: Path, folder: Path, volume: Volume, raise_if_stopping: StopCheck = ignore) -> None:
    """Unpack a tar archive, plain or gzipped, into a folder, without writing outside it.

    Raises JobFailed if the archive is invalid, malicious or too large, and OSError if the local disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = ""
    try:
        for tar, member in read_members(archive, raise_if_stopping):
            name = member.name
            folders = sum(not os.path.lexists(folder / parent) for parent in Path(name).parents)
            if not volume.take(member.size, files=1 + folders):
                problem = f"Insufficient disk space: its contents are larger than {volume}"
                raise JobFailed(f"ClientError: {archive.name} could not be unpacked: {problem}")
            tar.extract(member, folder, filter=_filter_member)
    except ARCHIVE_ERRORS as error:
        if machine.is_disk_full(error):
            raise
        raise JobFailed(f"ClientError: {archive.name} could not be unpacked: {_reason(error, name)}") from None


def _reason(error: Exception, name: str) -> str:
    if isinstance(error, RecursionError):
        return "its headers are nested too deeply"
    if isinstance(error, tarfile.OutsideDestinationError | tarfile.LinkOutsideDestinationError):
        return f"{name[:200]!r} points outside its folder"
    if isinstance(error, OSError) and error.strerror:
        return f"{name[:200]!r}: {error.strerror}"
    return str(error)


def _filter_member(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo:
    """Apply tarfile's data filter, and reject paths through symbolic links that come earlier in the archive.

    Some Python 3.12 releases accept such paths. Nothing outside `folder` is checked, lest messages reveal it.
    """
    filtered_member = tarfile.data_filter(member, folder)
    link_folder = os.path.dirname(filtered_member.name) if member.issym() else ""
    names = [filtered_member.name, *([os.path.join(link_folder, member.linkname)] if member.linkname else [])]
    for name in names:
        if any(Path(folder, path).is_symlink() for path in (Path(name), *Path(name).parents)):
            raise tarfile.ReadError(f"{member.name[:200]!r} passes through a symbolic link earlier in the archive")
    if member.islnk() and not os.path.exists(os.path.join(folder, member.linkname)):
        # tarfile would search all following members for the file
        raise tarfile.ReadError(f"{member.name[:200]!r} is a hard link to a file that is not earlier in the archive")
    return filtered_member
