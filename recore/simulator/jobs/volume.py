"""The disk of a job: what it has room for.

The supervisor imports this, and starts for every command: no dataclass, whose module takes longer than all of this.
"""

from recore.simulator.jobs.failure import JobFailed

BYTES_PER_FILE = 16 << 10  # of a disk, for each file that it has room for, as ext4 divides it


class Volume:
    """A disk of so many bytes. left: those that the job's inputs have not taken."""

    def __init__(self, size: int):
        self.size = self.left = size

    @classmethod
    def of(cls, gigabytes: int) -> "Volume":
        """The one whose size a request names."""
        return cls(gigabytes << 30)

    def has_room(self, size: int, files: int) -> bool:
        """Whether so many bytes in so many files fit on it when it is empty."""
        return size <= self.size and files <= self.size // BYTES_PER_FILE

    def take(self, size: int) -> None:
        """Count bytes of inputs. Raises JobFailed where there is no room for them."""
        self.left -= size
        if self.left < 0:
            reason = f"the inputs are larger than {self}"
            raise JobFailed(f"ClientError: Data download failed: Insufficient disk space: {reason}")

    def __str__(self) -> str:
        return f"VolumeSizeInGB, {self.size >> 30}"
