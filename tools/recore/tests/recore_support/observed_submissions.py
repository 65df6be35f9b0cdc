"""Edits that make the sound submission do something that must be reported to the host, or prevent its observation."""

from benchmarks.mutants.editing import both, insert, replace
from recore_support.broken_submissions import FIT, PREDICT, Defect, import_in_training

END = '    print("train: a model of", len(rows), "rows")\n'
# the audit hook takes its folder out of the variables that a program sees, but not out of those of the process
OBSERVED = '"PYTHONPATH=" + os.environ.get("PYTHONPATH", "") not in open("/proc/self/environ").read()'
MAIN = "def main():\n"

FOR_HOST = {
    "telemetry": Defect(
        "RC801",
        "example.org",
        replace(
            "train.py",
            END,
            f"{END}"
            "    import urllib.request\n\n"
            "    try:\n"
            '        urllib.request.urlopen("http://example.org/telemetry", data=b"hello", timeout=1)\n'
            "    except OSError:\n"
            "        pass\n",
        ),
        "train.py",
    ),
    "reads_system_file": Defect(
        "RC802",
        "/etc/passwd",
        insert("preprocess.py", '    with open("/etc/passwd") as file:\n        file.read()\n', before="    return ["),
        "preprocess.py",
    ),
    "runs_shell": Defect(
        "RC803", "os.system true", replace("train.py", PREDICT, f'os.system("true")\n    {PREDICT}'), "train.py"
    ),
    "kills_parent": Defect(
        "RC804",
        "could not be observed",
        replace("train.py", END, f"    if {OBSERVED}:\n        os.kill(os.getppid(), 9)\n{END}"),
    ),
    "fails_observed": Defect(
        "RC804",
        "Step train fails only while it is observed",
        replace("train.py", MAIN, f"{MAIN}    assert not {OBSERVED}\n"),
    ),
    "forks": Defect(
        "RC804",
        "more processes",
        both(
            import_in_training("time"),
            replace(
                "train.py", MAIN, f"{MAIN}    while True:\n        if os.fork() == 0:\n            time.sleep(600)\n"
            ),
        ),
    ),
    "fills_the_disk": Defect(
        "RC804",
        "No space left on device",
        replace(
            "train.py",
            END,
            f'    os.truncate(os.open(os.environ["SM_MODEL_DIR"] + "/m", os.O_CREAT | os.O_WRONLY), 1 << 40)\n{END}',
        ),
    ),
    "never_ends": Defect(
        "RC804",
        "exceeded its time limit",
        both(
            import_in_training("time"),
            replace("train.py", MAIN, f"{MAIN}    while True:\n        time.sleep(600)\n"),
        ),
    ),
    "native_code": Defect(
        "RC805",
        "libc.so.6",
        both(
            import_in_training("ctypes"),
            replace("train.py", FIT, f'ctypes.CDLL("libc.so.6").getpid()\n    {FIT}'),
        ),
        "train.py",
    ),
}
