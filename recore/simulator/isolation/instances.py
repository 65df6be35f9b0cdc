"""What instance types have: memory by their family's rule, processors by their size."""

from dataclasses import dataclass, replace
from pathlib import Path

# memory: by family, the longest beginning of its name first; by type, where the rule does not hold
GIB_PER_CPU = {
    "g6e": 8,
    "gr6": 8,
    "p4": 12,
    "p5": 10,
    "inf": 2,
    "c": 2,
    "m": 4,
    "t": 4,
    "r": 8,
    "x": 16,
    "g": 4,
    "p": 8,
}
GIB = {"ml.t2.medium": 4, "ml.t3.medium": 4, "ml.t4g.medium": 4}


@dataclass(frozen=True)
class Instance:
    """Bytes of memory, processors, and bytes of the volume, if it is limited.

    folders: what the volume holds, that is all that the commands can write; none is below another. memory_use: a file
    in which commands that share the memory tell each other how much of it they use.
    """

    memory: int
    cpus: int
    volume: int | None = None
    folders: tuple[Path, ...] = ()
    memory_use: Path | None = None

    def with_volume(self, size: int, *folders: Path) -> "Instance":
        """The same with a volume of so many bytes, which holds these folders."""
        return replace(self, volume=size, folders=folders)

    def shared(self, memory_use: Path) -> "Instance":
        """The same for several commands, which may have its memory together."""
        return replace(self, memory_use=memory_use)


def instance_of(instance_type: str) -> Instance:
    """Of an instance type such as ml.m5.xlarge: its own memory, or by its family's rule."""
    _, family, size = instance_type.split(".", 2)
    number = size.removesuffix("xlarge")
    cpus = 4 * int(number or 1) if size.endswith("xlarge") and (number.isdecimal() or not number) else 2
    per_cpu = next((gib for name, gib in GIB_PER_CPU.items() if family.startswith(name)), 4)
    return Instance(GIB.get(instance_type, per_cpu * cpus) << 30, cpus)
