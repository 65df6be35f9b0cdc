"""Searches for the private assays in every known way, and reports for each whether it found them.

KNOWN holds what no participant could know so well: the test writes it.
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
LOOT = []  # the assays' bytes, once something has found them
PROGRAMS = {"/proc", "/sys", "/usr", sys.prefix, sys.base_prefix}  # not walked through: programs, and what is no file


def is_it(content):
    found = hashlib.sha256(content).hexdigest() == KNOWN["sha256"]
    LOOT.extend([content] if found and not LOOT else [])
    return found


def holds_it(path):
    try:
        about = os.stat(path)
        if stat.S_ISREG(about.st_mode) and about.st_size == KNOWN["size"]:
            with open(path, "rb") as file:
                return is_it(file.read())
    except OSError:
        pass
    return False


def files():
    for root in KNOWN["roots"]:
        for place, folders, names in os.walk(root):
            folders[:] = [name for name in folders if os.path.join(place, name) not in PROGRAMS]
            yield from (os.path.join(place, name) for name in names)


def processes():
    """All that are to be seen or, where KNOWN says so, this one's ancestors up to `recore run`."""
    if not KNOWN["ancestors"]:
        return [f"/proc/{name}" for name in os.listdir("/proc") if name.isdigit()]
    found, number = [], os.getpid()
    while not found or b"\0run\0" not in of_process(found[-1], "cmdline"):
        found.append(f"/proc/{number}")
        with open(found[-1] + "/stat") as file:
            number = int(file.read().rpartition(")")[2].split()[1])
    return found


def of_process(process, name):
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


def by_processes_files():
    places = [process + link + KNOWN["path"] for process in processes() for link in ("/root", "/cwd")]
    return any(map(holds_it, itertools.chain(places, descriptors())))


def by_variables():
    mine = [value.encode() for value in os.environ.values()]
    theirs = [of_process(process, "environ") for process in processes()]
    return any(KNOWN["path"].encode() in text for text in mine + theirs)


def listening():
    """Ports of this machine that the processes in sight listen on, and the one that the test listens on."""
    links = set()
    for path in descriptors():
        with contextlib.suppress(OSError):  # it was closed meanwhile
            links.add(os.readlink(path))
    with open("/proc/net/tcp") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    return [KNOWN["port"], *(int(row[1].split(":")[1], 16) for row in rows if f"socket:[{row[9]}]" in links)]


def answers(host, port):
    with socket.socket() as client:
        client.settimeout(1)
        # the kernel may choose the very port that is asked as the client's own: it then talks to itself
        return client.connect_ex((host, port)) == 0 and client.getsockname() != client.getpeername()


@functools.cache  # once in a process: it takes a second
def any_port():
    return any(answers("127.0.0.1", port) for port in range(1, 65536))


def by_s3():
    guesses = {os.environ.get("AWS_ENDPOINT_URL"), *(f"http://127.0.0.1:{port}" for port in (*listening()[1:], 4566))}
    once = Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 1})
    for endpoint in filter(None, guesses):
        try:
            s3 = boto3.client("s3", "us-east-1", None, True, None, endpoint, "a", "b", None, once)
            for bucket in s3.list_buckets()["Buckets"]:
                for item in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
                    if item["Size"] == KNOWN["size"]:
                        body = s3.get_object(Bucket=bucket["Name"], Key=item["Key"])["Body"]
                        if is_it(body.read()):
                            return True
        except (BotoCoreError, ClientError):
            continue
    return False


ATTEMPTS = {
    "path": lambda: holds_it(KNOWN["path"]),
    "name": lambda: any(os.path.basename(path) == os.path.basename(KNOWN["path"]) for path in files()),
    "content": lambda: any(holds_it(path) for path in files()),
    "files of processes": by_processes_files,
    "variables": by_variables,
    "arguments": lambda: any(KNOWN["path"].encode() in of_process(process, "cmdline") for process in processes()),
    "a port": lambda: answers("127.0.0.1", KNOWN["port"]),
    "any port": lambda: any_port() if KNOWN["scan"] else any(answers("127.0.0.1", port) for port in listening()),
    "metadata": lambda: KNOWN["scan"] and answers("169.254.169.254", 80),
    "S3": by_s3,
}


def look(stage, *names):
    """Make all attempts, or those named, and print what came of them."""
    found = {name: attempt() for name, attempt in ATTEMPTS.items() if not names or name in names}
    sys.stdout.write(f"LOOKED {json.dumps({'stage': stage, 'found': found})}\n")
    sys.stdout.flush()


look("preprocess.py")


def rows_of(path):
    with gzip.open(path, "rt", newline="") as file:
        yield from csv.DictReader(file)


if __name__ == "__main__":
    with open(f"{BASE}/processing/output/preprocess/public.csv", "w") as file:
        file.write("index,a\n")
        for row in rows_of(f"{BASE}/processing/input/public/public.csv.gz"):
            file.write(f"{row['']},{row['4000.0']}\n")
