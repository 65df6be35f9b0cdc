"""Leaves a process, links, devices, pipes, many and unreadable files, and 100 MB of output."""

import os
import shutil
import signal
import socket
import stat
import sys
import time

base = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
model, data = os.environ["SM_MODEL_DIR"], base + "/output/data"
os.makedirs(data, exist_ok=True)

# all files that it can find below /opt/ml
for folder, _, files in os.walk(base):
    for name in files:
        print(folder, name)
        if "model" not in folder and name.endswith(".gz"):
            shutil.copy(os.path.join(folder, name), model)

# a process that has its own session and ignores signals
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)"])
    os._exit(0)
time.sleep(0.5)

# links to the host's files and to the data, in the hope that the files are packed
for number, path in enumerate(("/etc/passwd", "ACTUAL", "../../ACTUAL", "/proc/self/environ", "../input/data")):
    os.symlink(path, model + f"/link{number}")

# links to endless devices, and a device
for folder in (model, data):
    for name in ("zero", "stdin"):
        os.symlink(f"/dev/{name}", f"{folder}/{name}")
    try:
        os.mknod(f"{folder}/device", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        print("a device was made")
    except OSError as error:
        print(error)

# a program that opens the pipe waits forever
os.chdir(model)
os.mkfifo("fifo")
socket.socket(socket.AF_UNIX).bind("socket")

for number in range(3000):
    open(f"{number}", "w").close()

os.mkdir("closed")
open("closed/file", "w").close()
os.chmod("closed/file", 0)
os.chmod("closed", 0)

for _ in range(100):  # half of it without line ends
    sys.stdout.write("x" * 500_000 + "line\n" * 100_000)
