"""Leaves a named pipe and a socket in the place of files: whoever opens the pipe waits for ever."""

import os
import socket

os.chdir(os.environ["SM_MODEL_DIR"])
os.mkfifo("fifo")
socket.socket(socket.AF_UNIX).bind("socket")
