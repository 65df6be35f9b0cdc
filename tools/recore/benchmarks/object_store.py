"""Takes objects as S3 does, at next to no cost for this machine, and forgets them.

    python tools/recore/benchmarks/object_store.py

The simulator's S3 computes for milliseconds an object. On the same processors, that would be the larger part of what a
benchmark of its clients measures; the real S3 computes elsewhere. This one answers a PUT after the 20 ms that S3 needs
for a small object, and a GET with the number of different keys below its path. It prints its port.
"""

import asyncio

LATENCY = 0.02  # seconds
keys: set[str] = set()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of a connection."""
    while head := await read_head(reader):
        (method, path), headers = head
        if headers.get("expect") == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await reader.readexactly(int(headers.get("content-length", 0)))
        body = b""
        if method == "PUT":
            await asyncio.sleep(LATENCY)
            keys.add(path)
        else:
            body = b"%d" % sum(key.startswith(path) for key in keys)
        writer.write(b'HTTP/1.1 200 OK\r\nETag: "0"\r\nContent-Length: %d\r\n\r\n%s' % (len(body), body))
        await writer.drain()
    writer.close()


async def read_head(reader: asyncio.StreamReader) -> tuple[tuple[str, str], dict[str, str]] | None:
    """Return the method and path, and the headers by their names in lower case; None at the end of the connection."""
    try:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    method, path, _ = lines[0].split(" ")
    parts = (line.partition(":") for line in lines[1:])
    return (method, path), {name.lower(): value.strip() for name, _, value in parts}


async def main() -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
