"""The CPUs and memory of instance types. The size determines the CPUs; each family has a rule for memory."""

import math
from dataclasses import dataclass
from pathlib import Path

# GiB of memory per CPU, by prefix of the family's name (longer prefixes first), and for all other families
GIB_PER_CPU = {"g6e": 8, "gr6": 8, "p4": 12, "p5": 10, "inf": 2, "c": 2, "r": 8, "x": 16, "p": 8}
DEFAULT_GIB_PER_CPU = 4
GIB_BY_TYPE = {"ml.t2.medium": 4, "ml.t3.medium": 4, "ml.t4g.medium": 4}  # exceptions to these rules


@dataclass(frozen=True)
class Instance:
    """An instance: its memory in bytes, its CPUs, and the size of its volume in bytes (None: unlimited).

    folders: the folders on the volume, the only ones that commands can write to; none contains another. memory_use: a
    file in which commands that share the memory record how much each uses.
    """

    memory: int
    cpus: int
    volume: int | None = None
    folders: tuple[Path, ...] = ()
    memory_use: Path | None = None


def serverless_instance(megabytes: int) -> Instance:
    """Return a serverless endpoint's instance, with one CPU per GB of memory, rounded up, and a 5 GB volume."""
    return Instance(megabytes << 20, math.ceil(megabytes / 1024), 5 << 30)


def instance_of(instance_type: str) -> Instance:
    """Return the instance for an instance type such as ml.m5.xlarge."""
    _, family, size = instance_type.split(".", 2)
    multiplier = size.removesuffix("xlarge")
    cpus = 4 * int(multiplier or 1) if size.endswith("xlarge") and (multiplier.isdecimal() or not multiplier) else 2
    gib_per_cpu = next((gib for prefix, gib in GIB_PER_CPU.items() if family.startswith(prefix)), DEFAULT_GIB_PER_CPU)
    return Instance(GIB_BY_TYPE.get(instance_type, gib_per_cpu * cpus) << 30, cpus)
