"""Searches for the private assays in every known way, and reports for each whether it found them.

KNOWN contains more than any participant could know. The test fills it in.
"""

import contextlib
import csv
import functools
import gzip
import hashlib
import itertools
import json
import os
import socket
import stat
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

KNOWN = {}
BASE = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
FOUND_ASSAYS = []  # the assays' bytes, once something has found them
# Folders that are not searched: they contain programs, or files that are not on a disk.
PROGRAMS = {"/proc", "/sys", "/usr", sys.prefix, sys.base_prefix}


def is_assay_file(content):
    found = hashlib.sha256(content).hexdigest() == KNOWN["sha256"]
    FOUND_ASSAYS.extend([content] if found and not FOUND_ASSAYS else [])
    return found


def contains_assays(path):
    try:
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode) and status.st_size == KNOWN["size"]:
            with open(path, "rb") as file:
                return is_assay_file(file.read())
    except OSError:
        pass
    return False


def files():
    for root in KNOWN["roots"]:
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if os.path.join(folder, name) not in PROGRAMS]
            yield from (os.path.join(folder, name) for name in names)


def processes():
    """Return all visible processes or, if KNOWN asks for them, this process's ancestors up to `recore run`."""
    if not KNOWN["ancestors"]:
        return [f"/proc/{name}" for name in os.listdir("/proc") if name.isdigit()]
    found, number = [], os.getpid()
    while not found or b"\0run\0" not in read_process_file(found[-1], "cmdline"):
        found.append(f"/proc/{number}")
        with open(found[-1] + "/stat") as file:
            number = int(file.read().rpartition(")")[2].split()[1])
    return found


def read_process_file(process, name):
    try:
        with open(f"{process}/{name}", "rb") as file:
            return file.read()
    except OSError:
        return b""


def descriptors():
    for process in processes():
        try:
            yield from (f"{process}/fd/{number}" for number in os.listdir(f"{process}/fd"))
        except OSError:
            continue


def find_in_process_files():
    paths = [process + link + KNOWN["path"] for process in processes() for link in ("/root", "/cwd")]
    return any(map(contains_assays, itertools.chain(paths, descriptors())))


def find_in_variables():
    own_values = [value.encode() for value in os.environ.values()]
    other_environments = [read_process_file(process, "environ") for process in processes()]
    return any(KNOWN["path"].encode() in variables for variables in own_values + other_environments)


def listening_ports():
    """Return the ports on which visible processes of this machine listen, and the port on which the test listens."""
    links = set()
    for path in descriptors():
        with contextlib.suppress(OSError):  # the descriptor has been closed in the meantime
            links.add(os.readlink(path))
    with open("/proc/net/tcp") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    return [KNOWN["port"], *(int(row[1].split(":")[1], 16) for row in rows if f"socket:[{row[9]}]" in links)]


def accepts_connections(host, port):
    with socket.socket() as client:
        client.settimeout(1)
        # the kernel may choose the same port for the client, which then talks to itself
        return client.connect_ex((host, port)) == 0 and client.getsockname() != client.getpeername()


@functools.cache  # once in each process, because it takes a second
def any_port():
    return any(accepts_connections("127.0.0.1", port) for port in range(1, 65536))


def find_in_s3():
    guesses = {
        os.environ.get("AWS_ENDPOINT_URL"),
        *(f"http://127.0.0.1:{port}" for port in (*listening_ports()[1:], 4566)),
    }
    no_retries = Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 1})
    for endpoint in filter(None, guesses):
        try:
            s3 = boto3.client("s3", "us-east-1", None, True, None, endpoint, "a", "b", None, no_retries)
            for bucket in s3.list_buckets()["Buckets"]:
                for item in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
                    if item["Size"] == KNOWN["size"]:
                        body = s3.get_object(Bucket=bucket["Name"], Key=item["Key"])["Body"]
                        if is_assay_file(body.read()):
                            return True
        except (BotoCoreError, ClientError):
            continue
    return False


ATTEMPTS = {
    "path": lambda: contains_assays(KNOWN["path"]),
    "name": lambda: any(os.path.basename(path) == os.path.basename(KNOWN["path"]) for path in files()),
    "content": lambda: any(contains_assays(path) for path in files()),
    "files of processes": find_in_process_files,
    "variables": find_in_variables,
    "arguments": lambda: any(
        KNOWN["path"].encode() in read_process_file(process, "cmdline") for process in processes()
    ),
    "a port": lambda: accepts_connections("127.0.0.1", KNOWN["port"]),
    "any port": lambda: (
        any_port() if KNOWN["scan"] else any(accepts_connections("127.0.0.1", port) for port in listening_ports())
    ),
    "metadata": lambda: KNOWN["scan"] and accepts_connections("169.254.169.254", 80),
    "S3": find_in_s3,
}


def run_attempts(stage, *names):
    """Make all attempts, or the named ones, and print their results."""
    found = {name: attempt() for name, attempt in ATTEMPTS.items() if not names or name in names}
    sys.stdout.write(f"LOOKED {json.dumps({'stage': stage, 'found': found})}\n")
    sys.stdout.flush()


run_attempts("preprocess.py")


def rows_of(path):
    with gzip.open(path, "rt", newline="") as file:
        yield from csv.DictReader(file)


if __name__ == "__main__":
    with open(f"{BASE}/processing/output/preprocess/public.csv", "w") as file:
        file.write("index,a\n")
        for row in rows_of(f"{BASE}/processing/input/public/public.csv.gz"):
            file.write(f"{row['']},{row['4000.0']}\n")
