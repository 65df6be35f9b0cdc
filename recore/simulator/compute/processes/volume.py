"""The disk of a job, and what fits on it.

A supervisor is started for every command and imports this module: it has no dataclass, because those load slowly.
"""

import threading

DEFAULT = 30 << 30  # bytes of a model's instance, unless VolumeSizeInGB says otherwise
BYTES_PER_FILE = 16 << 10  # bytes of a disk for each file that fits on it, as with ext4


class Volume:
    """A disk of `size` bytes. bytes_left, files_left: what inputs do not occupy. Thread-safe."""

    def __init__(self, size: int):
        self.size = self.bytes_left = size
        self.files_left = size // BYTES_PER_FILE
        self._lock = threading.Lock()

    def has_room(self, size: int, files: int) -> bool:
        """Whether `size` bytes in that many files fit on it when it is empty."""
        return size <= self.size and files <= self.size // BYTES_PER_FILE

    def take(self, size: int, files: int = 0) -> bool:
        """Count bytes and files of inputs. Returns whether all inputs counted so far fit."""
        with self._lock:
            self.bytes_left -= size
            self.files_left -= files
            return min(self.bytes_left, self.files_left) >= 0

    def __str__(self) -> str:
        return f"VolumeSizeInGB, {self.size >> 30}"
