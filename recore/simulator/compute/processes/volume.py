"""The disk of a job, and what fits on it.

A supervisor is started for every command and imports this module. It has no dataclasses, because they load slowly.
"""

import threading

DEFAULT_SIZE = 30 << 30  # bytes of the volume of a model's instance, unless VolumeSizeInGB is set
BYTES_PER_FILE = 16 << 10  # bytes of disk size for each file that the disk can hold, as with ext4


class Volume:
    """A disk of `size` bytes. bytes_left, files_left: how many more the inputs may take. Thread-safe."""

    def __init__(self, size: int):
        self.size = self.bytes_left = size
        self.files_left = size // BYTES_PER_FILE
        self._lock = threading.Lock()

    def has_room(self, size: int, files: int) -> bool:
        """Return whether `size` bytes in `files` files fit on an empty disk of this size."""
        return size <= self.size and files <= self.size // BYTES_PER_FILE

    def take(self, size: int, files: int = 0) -> bool:
        """Count bytes and files of inputs. Returns whether all inputs counted so far fit."""
        with self._lock:
            self.bytes_left -= size
            self.files_left -= files
            return min(self.bytes_left, self.files_left) >= 0

    def __str__(self) -> str:
        return f"the VolumeSizeInGB of {self.size >> 30}"
