"""Run pip so that it can install or download wheels, but cannot build packages: `python pip_wheels.py install ...`.

A build runs the package's code, here with network access. pip would build a package whose source archive is the only
file on an index, or is named by the URL in another package's metadata. With this program, pip cannot start processes.

In its messages, all URLs and the values of settings that say where packages come from are hidden, because they can
contain credentials: pip hides only a password in a URL, not, for example, a token in its path. If pip fails after an
index failed, INDEX_FAULT is the last line, and the exit status is os.EX_TEMPFAIL. The program uses only the standard
library, because any image can run it.
"""

import ast
import os
import re
import runpy
import subprocess
import sys
import threading

SETTING = re.compile(r"^[^.\n]*\.(?:(?:extra-)?index-url|find-links|proxy)=(.*)$", re.MULTILINE)
URL = re.compile(r"\w+://(?:[^/@]*@)?([^/?#]+)(/[^/?#]+)?")  # a URL's host, and the beginning of its path
HIDDEN = "***"
INDEX_FAULT = "InternalServerError: a package index failed, or could not be reached"
FAULT_LINE = re.compile(  # lines that pip prints about such faults
    r"^WARNING: (?:Retrying|Connection timed out|Could not fetch URL)|^error: connection-|ConnectionPool\(|"
    r"^ERROR: HTTP error 5\d\d|HTTP(?:Status)?Error: 5\d\d"
)
STARTS = ("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen")


def main() -> None:
    secrets = make_pattern(list_settings())
    output = os.dup(1)
    read_end, write_end = os.pipe()
    for descriptor in (1, 2):
        os.dup2(write_end, descriptor)
    os.close(write_end)
    index_failed = threading.Event()
    thread = threading.Thread(target=copy_lines, args=(read_end, output, secrets, index_failed))
    thread.start()
    sys.addaudithook(forbid_processes)
    if os.environ.get("PIP_RETRIES") == "0":
        os.environ["PIP_RETRIES"] = "1"  # only if it tries again does pip say that an index failed
    sys.argv[2:2] = ["--only-binary=:all:", "--no-input", "--disable-pip-version-check"]
    status: object = None
    try:
        runpy.run_module("pip", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        thread.join()
    if status and index_failed.is_set():
        print(INDEX_FAULT, file=sys.stderr)
        status = os.EX_TEMPFAIL
    sys.exit(status)  # type: ignore[arg-type]


def list_settings() -> "list[str]":
    """Return the values of pip's settings that say where packages come from, and the proxies' addresses."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    settings = SETTING.findall(subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout)
    proxies = [value for name, value in os.environ.items() if re.fullmatch("(?i)(https?|all)_proxy", name)]
    return [*proxies, *(value for setting in settings for value in str(ast.literal_eval(setting)).split())]


def make_pattern(values: "list[str]") -> "re.Pattern[str]":
    """Return a pattern for what must not be printed: the values, all URLs, and paths on the same hosts or that begin
    like theirs.
    """
    urls = [match for match in map(URL.match, values) if match]
    patterns = [rf"(?<![\w./-]){re.escape(value)}(?![\w-])" for value in sorted(values, key=len, reverse=True)]
    patterns += [rf"(?:[^\s/@]*@)?{re.escape(url[1])}/[^\s'\")]*" for url in urls]
    patterns += [rf"(?<![\w./-]){re.escape(url[2])}(?![\w-])[^\s'\")]*" for url in urls if url[2]]
    return re.compile("|".join([r"\w[\w+.-]*://[^\s'\")]+", *patterns, r"(?<=\?)[^\s'\")]*=[^\s'\")]*"]))


def copy_lines(source: int, target: int, secrets: "re.Pattern[str]", index_failed: threading.Event) -> None:
    """Copy lines without secrets. Set index_failed if one matches FAULT_LINE."""
    with os.fdopen(source, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if FAULT_LINE.search(line):
                index_failed.set()
            rest = secrets.sub(HIDDEN, line).encode()
            while rest:
                rest = rest[os.write(target, rest) :]


def forbid_processes(event: str, arguments: "tuple[object, ...]") -> None:
    if event in STARTS:
        raise PermissionError(f"packages are installed only from wheels, so pip must not start a process ({event})")


if __name__ == "__main__":
    main()
