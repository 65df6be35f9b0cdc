"""Leaves a named pipe and a socket instead of files. A program that opens the pipe waits forever."""

import os
import socket

os.chdir(os.environ["SM_MODEL_DIR"])
os.mkfifo("fifo")
socket.socket(socket.AF_UNIX).bind("socket")
