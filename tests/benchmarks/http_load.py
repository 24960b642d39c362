"""Requests over several keep-alive connections, as fast as they are answered, with next to no work of its own.

Written by hand since httpx needs more of a processor for a request than the gateway does: it would be what limits.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence

CONNECTIONS = 16


def post(path: str, body: bytes, content_type: str, token: str) -> bytes:
    """A whole request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def get(path: str, token: str) -> bytes:
    """A whole request."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


async def drive(port: int, requests: Sequence[bytes], status: int, connections: int = CONNECTIONS) -> list[float]:
    """Seconds that each request took; every answer must have this status, or RuntimeError says what came instead."""
    todo = iter(requests)
    taken: list[float] = []
    async with asyncio.TaskGroup() as tasks:
        for _ in range(connections):
            tasks.create_task(_connection(port, todo, status, taken))
    return taken


async def _connection(port: int, todo: Iterator[bytes], status: int, taken: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for request in todo:
            begun = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_length(head))
            taken.append(time.perf_counter() - begun)
            if int(head[9:12]) != status:
                raise RuntimeError(f"{head.decode()}{body.decode()}")
    finally:
        writer.close()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise RuntimeError(f"an answer without a length: {head.decode()}")
