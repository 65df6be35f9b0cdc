"""Takes the server's place, and sends its response one byte at a time."""

import os
import socket
import sys
import time

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
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        elif head.startswith(b"GET"):
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while True:
                connection.sendall(b"1")
                time.sleep(0.1)
    except OSError:
        pass
    connection.close()
