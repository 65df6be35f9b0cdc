"""Reaches a server on a port of a container without network from outside: by a Unix socket in a shared folder.

    python bridge.py SOCKET PORT COMMAND...

Starts the command, hands every connection to the socket on to 127.0.0.1:PORT, and ends when the command does, with its
status. SIGTERM goes on to the command. Nothing but the standard library is needed.
"""

import asyncio
import contextlib
import os
import signal
import sys


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All of one direction."""
    with contextlib.suppress(OSError):
        while chunk := await reader.read(1 << 16):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()


async def bridge(path: str, port: int, command: list[str]) -> int:
    process = await asyncio.create_subprocess_exec(*command)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):  # the server is not there yet: whoever asks hears the connection end
            answers, requests = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(copy(reader, requests), copy(answers, writer))
            requests.close()
        writer.close()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, process.terminate)
    async with await asyncio.start_unix_server(connect, path):
        os.chmod(path, 0o777)  # noqa: S103 - the folder is closed to others
        status = await process.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    os._exit(asyncio.run(bridge(sys.argv[1], int(sys.argv[2]), sys.argv[3:])))
