"""Connect a port in a container without network access to a Unix socket in a shared folder.

    python bridge.py FROM TO COMMAND...

One of FROM and TO is a port on 127.0.0.1, and the other is a socket's path. A separate process forwards connections
from FROM to TO, and this process becomes the command. Uses only the standard library.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(1 << 16):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()


def listen(address: str) -> socket.socket:
    if address.isdecimal():
        return socket.create_server(("127.0.0.1", int(address)), backlog=1024)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    os.chmod(address, 0o777)  # noqa: S103 - other users cannot enter the folder
    listener.listen(1024)
    return listener


async def forward(listener: socket.socket, address: str) -> None:
    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):  # if nothing is listening there yet, the connection is closed
            if address.isdecimal():
                responses, requests = await asyncio.open_connection("127.0.0.1", int(address))
            else:
                responses, requests = await asyncio.open_unix_connection(address)
            await asyncio.gather(copy(reader, requests), copy(responses, writer))
            requests.close()
        writer.close()

    serve = asyncio.start_unix_server if listener.family == socket.AF_UNIX else asyncio.start_server
    async with await serve(connect, sock=listener) as server:
        await server.serve_forever()


def start(listener: socket.socket, address: str) -> None:
    """Forward connections in a process that is not a child of this one, so that the command has no unexpected child."""
    child = os.fork()
    if child:
        listener.close()
        os.waitpid(child, 0)
        return
    if os.fork():
        os._exit(0)
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the process ends with its container
    null_device = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null_device, descriptor)
    asyncio.run(forward(listener, address))


if __name__ == "__main__":
    start(listen(sys.argv[1]), sys.argv[2])
    try:
        os.execvp(sys.argv[3], sys.argv[3:])  # noqa: S606
    except OSError as error:
        sys.exit(f"{sys.argv[3]}: {error.strerror}")
