"""The disk of a job: what it has room for.

The supervisor imports this, and starts for every command: no dataclass, whose module takes longer than all of this.
"""

import threading

DEFAULT = 30 << 30  # bytes of a model's instance, unless VolumeSizeInGB says otherwise
BYTES_PER_FILE = 16 << 10  # of a disk, for each file that it has room for, as ext4 divides it


class Volume:
    """A disk of so many bytes. left, files_left: what inputs do not occupy. Thread-safe."""

    def __init__(self, size: int):
        self.size = self.left = size
        self.files_left = size // BYTES_PER_FILE
        self._lock = threading.Lock()

    def has_room(self, size: int, files: int) -> bool:
        """Whether so many bytes in so many files fit on it when it is empty."""
        return size <= self.size and files <= self.size // BYTES_PER_FILE

    def take(self, size: int, files: int = 0) -> bool:
        """Count bytes and files of inputs. Returns whether there is room for all that were counted."""
        with self._lock:
            self.left -= size
            self.files_left -= files
            return min(self.left, self.files_left) >= 0

    def __str__(self) -> str:
        return f"VolumeSizeInGB, {self.size >> 30}"
