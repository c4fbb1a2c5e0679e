"""Faults of the connection: bytes are written to the socket by hand, then it hangs, ends or is reset."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from standin.cloud_controller.faults import Fault
from standin.cloud_controller.http import Answer

Sleep = Callable[[float], Awaitable[object]]


def head(answer: Answer, length: int | None) -> bytes:
    """Return status line and headers; without a length the body is announced as chunked."""
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    lines.append(f"Content-Length: {length}" if length is not None else "Transfer-Encoding: chunked")
    # After such an answer the connection ends: a client that got it whole must not use it again.
    lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def reset(transport: asyncio.Transport) -> None:
    """End a connection by RST, so that the peer sees 'connection reset by peer'."""
    peer = transport.get_extra_info("socket")
    if peer is not None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def perform(fault: Fault, answer: Answer, transport: asyncio.Transport, sleep: Sleep) -> None:
    """Send an answer wrongly and end the connection; for the kinds ON_WIRE."""
    body = answer.body
    half = body[: len(body) // 2]
    match fault.kind:
        case "hang":
            await sleep(fault.seconds)
        case "hang_in_body":
            transport.write(head(answer, len(body)) + half)
            await sleep(fault.seconds)
        case "slow":
            transport.write(head(answer, len(body)))
            await _drip(fault, body, transport, sleep)
        case "reset":
            transport.write(head(answer, len(body)) + half)
            await _flushed(transport, sleep)
            reset(transport)
            return
        case "close_in_body":
            transport.write(head(answer, len(body)) + half)
        case "length_too_long":
            transport.write(head(answer, len(body) + 1000) + body)
        case "length_too_short":
            transport.write(head(answer, len(half)) + body)
        case "cut_chunks":
            transport.write(head(answer, None) + f"{len(body):x}\r\n".encode() + half)
    transport.close()


async def _drip(fault: Fault, body: bytes, transport: asyncio.Transport, sleep: Sleep) -> None:
    size = max(1, -(-len(body) // fault.pieces))
    for start in range(0, len(body), size):
        if transport.is_closing():
            return
        transport.write(body[start : start + size])
        await sleep(fault.seconds)


async def _flushed(transport: asyncio.Transport, sleep: Sleep) -> None:
    """Wait until the operating system has taken all bytes: a reset would throw them away before."""
    while transport.get_write_buffer_size() and not transport.is_closing():
        await sleep(0.005)
