"""Kills every process that it can: its parent, the supervisor, and any other that it sees."""

import os
import signal

for number in sorted((int(name) for name in os.listdir("/proc") if name.isdecimal()), reverse=True):
    if number != os.getpid():
        try:
            os.kill(number, signal.SIGKILL)
        except OSError:
            pass
