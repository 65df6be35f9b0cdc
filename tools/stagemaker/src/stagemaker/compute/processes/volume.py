"""A job's disk and its free space. This module avoids dataclasses, so that supervisors load it quickly."""

import threading

DEFAULT_SIZE = 30 << 30  # bytes on the volume of a model's instance, unless VolumeSizeInGB is set
BYTES_PER_FILE = 16 << 10  # a disk can hold one file per this many bytes of its size, as with ext4


class Volume:
    """A disk of `size` bytes. bytes_left, files_left: how many bytes and files can still be added. Thread-safe."""

    def __init__(self, size: int):
        self.size = self.bytes_left = size
        self.files_left = size // BYTES_PER_FILE
        self._lock = threading.Lock()

    def has_room(self, size: int, files: int) -> bool:
        return size <= self.size and files <= self.size // BYTES_PER_FILE

    def take(self, size: int, files: int = 0) -> bool:
        """Reserve space for inputs (bytes and number of files); return whether all inputs so far fit on the disk."""
        with self._lock:
            self.bytes_left -= size
            self.files_left -= files
            return min(self.bytes_left, self.files_left) >= 0

    def __str__(self) -> str:
        return f"the VolumeSizeInGB of {self.size >> 30}"
