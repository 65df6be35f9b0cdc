"""Connects a Unix socket in a shared folder with a port of a container that has no network.

    python bridge.py SOCKET PORT COMMAND...

Starts the command, forwards every connection to the socket to 127.0.0.1:PORT, and ends with the status of the command.
SIGTERM is forwarded to the command. Only the standard library is needed.
"""

import asyncio
import contextlib
import os
import signal
import sys


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction of a connection to its end."""
    with contextlib.suppress(OSError):
        while chunk := await reader.read(1 << 16):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()


async def run(path: str, port: int, command: list[str]) -> int:
    """Run the command behind the socket. Returns its exit status as a shell does."""
    process = await asyncio.create_subprocess_exec(*command)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):  # if the server does not listen yet, the connection ends
            responses, requests = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(copy(reader, requests), copy(responses, writer))
            requests.close()
        writer.close()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, process.terminate)
    async with await asyncio.start_unix_server(connect, path):
        os.chmod(path, 0o777)  # noqa: S103 - the folder is closed to others
        status = await process.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    os._exit(asyncio.run(run(sys.argv[1], int(sys.argv[2]), sys.argv[3:])))
