"""Hostile submissions: each is the tiny submission with a script from SCRIPTS or with files from FILES.

Scripts named train_* run at the end of a training job, preprocess_* at the end of preprocessing, and serve_* in the
model server; archive_* pack the submission into an archive.
"""

import subprocess
import sys
import textwrap
from pathlib import Path

from recore_support.tiny_submission import PREPROCESS, TRAIN, stub

HEAD = """\
import gzip, os, shutil, signal, socket, stat, sys, tarfile, time

BASE = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
OUTPUT = BASE + "/processing/output/preprocess"
MODEL = os.environ.get("SM_MODEL_DIR", "")
"""
NESTED_CODE = """
for _ in range(3000):  # a path longer than the system allows
    os.mkdir("deep")
    os.chdir("deep")
"""
SCRIPTS = {
    "train_daemon": """  # a process that has its own session and ignores signals
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)"])
    os._exit(0)
time.sleep(0.5)
""",
    "train_kill_everything": """  # its parent, the supervisor, and any other process that it sees
for number in sorted((int(name) for name in os.listdir("/proc") if name.isdecimal()), reverse=True):
    if number != os.getpid():
        try:
            os.kill(number, signal.SIGKILL)
        except OSError:
            pass
""",
    "train_fork_bomb": """
while True:
    try:
        os.fork()
    except OSError:
        pass
""",
    "train_much_output": """  # half of it without line breaks
for _ in range(100):
    sys.stdout.write("x" * 500_000 + "line\\n" * 100_000)
""",
    "train_endless_output": """
while True:
    print("x" * 1000)
""",
    "train_escape_sequences": r"""
words = "\x1b]0;owned\x07\x1b[2J\x1b[31m[bold]<script>alert(1)</script>[/bold]\x00\r\n\x9b31m\u202e"
print(words, file=sys.stderr)
open(BASE + "/output/failure", "w").write(words)
raise ValueError(words)
""",
    "train_many_files": """
for number in range(3000):
    open(f"{MODEL}/{number}", "w").close()
""",
    "train_sparse_file": """
with open(MODEL + "/sparse", "wb") as file:
    file.truncate(100 << 30)
""",
    "train_deep_folders": f"os.chdir(MODEL)\n{NESTED_CODE}",
    "train_fifo": """  # a program that opens the pipe waits forever
os.chdir(MODEL)
os.mkfifo("fifo")
socket.socket(socket.AF_UNIX).bind("socket")
""",
    "train_links_out": """
for number, path in enumerate(("/etc/passwd", "ACTUAL", "../../ACTUAL", "/proc/self/environ", "../input/data")):
    os.symlink(path, f"{MODEL}/link{number}")
""",
    "train_devices": """
os.makedirs(BASE + "/output/data", exist_ok=True)
for folder in (MODEL, BASE + "/output/data"):
    for name in ("zero", "stdin"):
        os.symlink(f"/dev/{name}", f"{folder}/{name}")
    try:
        os.mknod(f"{folder}/device", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        print("a device was made")
    except OSError as error:
        print(error)
""",
    "train_writes_out": 'open("OUTSIDE/written", "w").write("written")\n',
    "train_folder_replaced": """
shutil.rmtree(MODEL, ignore_errors=True)
if os.path.isdir(MODEL):  # it is a mount
    for name in os.listdir(MODEL):
        os.remove(MODEL + "/" + name)
else:
    os.symlink("/etc", MODEL)
""",
    "train_unreadable": """
os.mkdir(MODEL + "/closed")
open(MODEL + "/closed/file", "w").close()
os.chmod(MODEL + "/closed/file", 0)
os.chmod(MODEL + "/closed", 0)
""",
    "train_data_in_model": """  # all files that it can find
for folder, _, files in os.walk(BASE):
    for name in files:
        print(folder, name)
        if "model" not in folder and name.endswith(".gz"):
            shutil.copy(os.path.join(folder, name), MODEL)
""",
    "preprocess_control_characters": r"""  # XML and HTTP cannot carry them
open(OUTPUT + "/a\x01\x1b[31m\nb", "w").close()
""",
    "preprocess_markup": """
open(OUTPUT + "/<Key>&amp;\\"'?x=1#..;%2F", "w").close()
""",
    "preprocess_link_loop": """
os.chdir(OUTPUT)
os.symlink("b", "a")
os.symlink("a", "b")
os.symlink(".", "here")
os.mkfifo("fifo")
""",
    "preprocess_link_out": """  # instead of its output
os.remove(OUTPUT + "/public.csv")
os.symlink("ACTUAL", OUTPUT + "/public.csv")
""",
    "preprocess_forged_scores": """
for folder, _, _ in list(os.walk(BASE)):
    for side in ("public", "private"):
        for name, text in ((f"{side}.txt", "1.01"), (f"{side}.json", "{}"), (f"{side}.csv.out", "1\\n")):
            try:
                open(os.path.join(folder, name), "w").write(text)
            except OSError:
                pass
""",
    "preprocess_repeats_rows": """
header, *lines = open(OUTPUT + "/public.csv").readlines()
open(OUTPUT + "/public.csv", "w").writelines([header, *lines, *lines])
""",
    "serve_hangs": """
def predict_fn(inputs, means):
    time.sleep(600)
""",
    "serve_drips": """  # takes the server's place, and sends its response one byte at a time
path = sys.argv[sys.argv.index("--bind") + 1].removeprefix("unix:")
os.unlink(path)
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen()
while True:
    connection, _ = server.accept()
    head = connection.recv(1 << 16)
    try:
        if head.startswith(b"GET /ping"):
            connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
        elif head.startswith(b"GET"):
            connection.sendall(b"HTTP/1.1 404 Not Found\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
        else:
            connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 100000\\r\\n\\r\\n")
            while True:
                connection.sendall(b"1")
                time.sleep(0.1)
    except OSError:
        pass
    connection.close()
""",
    "serve_exits": """
def predict_fn(inputs, means):
    os._exit(3)
""",
    "serve_too_few_rows": """
def predict_fn(inputs, means):
    return [means]
""",
    "serve_not_finite": """
def predict_fn(inputs, means):
    return [[float("inf")] * len(means) for _ in inputs]
""",
    "serve_escape_sequences": r"""
def predict_fn(inputs, means):
    raise ValueError("\x1b]0;owned\x07\x1b[31m[bold]<b>\x00\u202e")
""",
    "serve_environment": """  # prints it, its command line, and the contents of private files if it can
def predict_fn(inputs, means):
    print(dict(os.environ), open("/proc/self/cmdline").read(), os.listdir("/"), os.listdir(BASE), flush=True)
    for name in ("/etc/shadow", "ACTUAL", "/root/.aws/credentials", "/proc/1/environ"):
        try:
            content = open(name, "rb").read()
            print(name, (gzip.decompress(content) if name.endswith(".gz") else content)[:9000], flush=True)
        except OSError as error:
            print(error, flush=True)
    return [[mean * number for mean in means] for number in inputs]
""",
    "archive_leads_out": """
with tarfile.open("src.tar.gz", "w:gz") as tar:
    for path, name in (("train.py", "train.py"), ("preprocess.py", "preprocess.py"), ("setup.py", "../written")):
        tar.add(path, name)
""",
}
INCLUDE_LINE = "include requirements.txt\n"
WRITE_LINE = 'open("OUTSIDE/written", "w").write("written")\n'
FILES = {
    "requirements_address": {
        "MANIFEST.in": INCLUDE_LINE,
        "requirements.txt": "something @ https://127.0.0.1:1/something.zip\n",
    },
    "requirements_code": {
        "MANIFEST.in": f"{INCLUDE_LINE}recursive-include package *\n",
        "requirements.txt": "./package\n",
        "package/setup.py": "import socket\n\nfrom setuptools import setup\n\n"
        f'{WRITE_LINE}socket.create_connection(("127.0.0.1", int("PORT")), timeout=1)\n'
        'setup(name="package", version="1", py_modules=[])\n',
    },
    "setup_runs_code": {
        "setup.py": "from setuptools import setup\n\n"
        f'{WRITE_LINE}setup(name="tiny", version="1", py_modules=["train", "preprocess"])\n'
    },
    "manifest_leads_out": {
        "MANIFEST.in": "include ../sample/private/actual.csv.gz\ninclude /etc/passwd\nrecursive-include .. *.gz\n"
    },
    "own_score": {
        "MANIFEST.in": "include score.py\n",
        "score.py": 'import sys\n\nopen(sys.argv[sys.argv.index("--output") + 1], "w").write("1.01")\n',
    },
}


def make_hostile(name: str, folder: Path, words: dict[str, str]) -> Path:
    """Write a hostile submission, after replacing each key of `words` in its script or files with the key's value."""

    def replaced(content: str) -> str:
        for word, value in words.items():
            content = content.replace(word, value)
        return content

    if name in FILES:
        return stub(folder, {file: replaced(content) for file, content in FILES[name].items()})
    code, stage = replaced(HEAD + SCRIPTS[name]), name.partition("_")[0]
    if stage == "archive":
        subprocess.run([sys.executable, "-c", code], cwd=stub(folder), check=True)
        return folder / "src.tar.gz"
    if stage == "preprocess":
        return stub(folder, {"preprocess.py": PREPROCESS + code})
    guard = 'if __name__ == "__main__":' if stage == "train" else 'if __name__ != "__main__":'
    return stub(folder, {"train.py": f"{TRAIN}\n\n{guard}\n{textwrap.indent(code, '    ')}"})
