"""A kernel filter (seccomp) that denies some system calls to jobs in a sandbox.

With them, jobs could exchange data by means that no namespace covers: keyrings, the kernel's log, rare sockets, file
events and file leases. New namespaces are denied, because a process has all capabilities in its own user namespace.
io_uring is denied, because a filter does not see its operations. Most denied calls fail as if the kernel lacked them.
"""

import errno
import os
import platform
import struct

# Instructions (the kernel calls them classic BPF): an operation, how many instructions to skip if its condition is true
# and if it is false, and an operand
Instruction = tuple[int, int, int, int]
LOAD, IF_EQUAL, IF_AT_LEAST, IF_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT, SECOND_ARGUMENT = 0, 4, 16, 24  # offsets in `struct seccomp_data`
ALLOW: Instruction = (RETURN, 0, 0, 0x7FFF0000)

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64
X32 = 0x40000000  # calls for 32-bit pointers have this and higher numbers on x86-64
NEW_NAMESPACE = 0x7E020000  # all flags of `clone` that begin with CLONE_NEW


def _deny(error: int = errno.ENOSYS) -> Instruction:
    return (RETURN, 0, 0, 0x00050000 | error)


# By name: the call's number on x86-64 and on arm64 (None: it does not exist), and the instructions that decide on it
CALLS: dict[str, tuple[int | None, int | None, list[Instruction]]] = {
    "add_key": (248, 217, [_deny()]),
    "request_key": (249, 218, [_deny()]),
    "keyctl": (250, 219, [_deny()]),
    "syslog": (103, 116, [_deny()]),
    "inotify_init": (253, None, [_deny()]),
    "inotify_init1": (294, 26, [_deny()]),
    "fanotify_init": (300, 262, [_deny()]),
    "userfaultfd": (323, 282, [_deny()]),
    "perf_event_open": (298, 241, [_deny()]),
    "bpf": (321, 280, [_deny()]),
    "io_uring_setup": (425, 425, [_deny()]),
    "io_uring_enter": (426, 426, [_deny()]),
    "io_uring_register": (427, 427, [_deny()]),
    "clone3": (435, 435, [_deny()]),  # a filter cannot see its flags; C libraries use `clone` instead
    "unshare": (272, 97, [_deny(errno.EPERM)]),
    "setns": (308, 268, [_deny(errno.EPERM)]),
    "clone": (
        56, 220,
        [(LOAD, 0, 0, FIRST_ARGUMENT), (IF_ANY_BIT, 0, 1, NEW_NAMESPACE), _deny(errno.EPERM), ALLOW],
    ),
    "socket": (
        41, 198,
        [
            (LOAD, 0, 0, FIRST_ARGUMENT),
            (IF_EQUAL, 3, 0, 1),  # AF_UNIX
            (IF_EQUAL, 2, 0, 2),  # AF_INET
            (IF_EQUAL, 1, 0, 10),  # AF_INET6
            (IF_EQUAL, 0, 1, 16),  # AF_NETLINK
            ALLOW,
            _deny(errno.EAFNOSUPPORT),
        ],
    ),
    "fcntl": (
        72, 25,
        [
            (LOAD, 0, 0, SECOND_ARGUMENT),
            (IF_EQUAL, 1, 0, 1024),  # F_SETLEASE
            (IF_EQUAL, 0, 1, 1026),  # F_NOTIFY
            _deny(errno.EINVAL),
            ALLOW,
        ],
    ),
}  # fmt: skip


def number(name: str, machine: str | None = None) -> int | None:
    """Return a call's number, or None if it is unknown or does not exist. machine: as in platform.machine()."""
    x86_64, arm64, _ = CALLS[name]
    return {"x86_64": x86_64, "aarch64": arm64}.get(machine or platform.machine())


def build_filter(machine: str) -> bytes:
    """Return the filter for a machine, such as x86_64. Raises OSError if it is not in ARCHITECTURES."""
    if machine not in ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"system calls cannot be filtered on {machine}")
    # a process can also make another architecture's calls, with different numbers, as 32-bit programs do
    instructions = [(LOAD, 0, 0, ARCHITECTURE), (IF_EQUAL, 1, 0, ARCHITECTURES[machine]), _deny()]
    instructions += [(LOAD, 0, 0, NUMBER), (IF_AT_LEAST, 0, 1, X32), _deny()]
    for name, (_, _, decision) in CALLS.items():
        if (call := number(name, machine)) is not None:
            instructions += [(IF_EQUAL, 0, len(decision), call), *decision]
    return b"".join(struct.pack("HBBI", *instruction) for instruction in [*instructions, ALLOW])


def open_filter() -> int:
    """Return the descriptor of a file with the local architecture's filter, for bubblewrap's option --seccomp."""
    return memory_file(build_filter(platform.machine()))


def memory_file(content: bytes) -> int:
    file = os.memfd_create("content")
    with open(file, "wb", closefd=False) as stream:
        stream.write(content)
    os.lseek(file, 0, os.SEEK_SET)
    return file
