"""A proxy before a Kafka broker that knows Kafka's frames, and can deliver the end of a transaction late.

A frame is four bytes of length, then ``api_key``, ``api_version`` (two bytes each) and a correlation id (four), which
alone begins the answer. A start of a transactional producer can be refused, as a broker does it that is just ending
the transaction of the one before. A held EndTxn is kept away from the broker; it is delivered in the middle of the next
transaction, behind its first batch of records, as a slow network or a broker that stood still would do it.
"""

import asyncio
import contextlib
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, get_args

from standin.ports import HOST

PRODUCE, INIT_PRODUCER_ID, ADD_PARTITIONS, END_TXN = 0, 22, 24, 26
PRODUCER_FENCED = 90
WITHIN_S = 10.0

Way = Literal["silent", "cut"]
"""How the client fares meanwhile: it hears nothing, or its connection breaks, so that it asks again on another."""

WAYS: tuple[Way, ...] = get_args(Way)


@dataclass(eq=False)
class Line:
    """One connection of a client, ours to the broker behind it, and what waits for an answer."""

    client: asyncio.StreamWriter
    broker: asyncio.StreamWriter
    asked: dict[int, asyncio.Future[bytes]] = field(default_factory=dict)

    async def ask(self, frame: bytes) -> asyncio.Future[bytes]:
        """Send a request on; return its answer to come."""
        (correlation,) = struct.unpack_from(">i", frame, 8)
        answer = self.asked[correlation] = asyncio.get_running_loop().create_future()
        self.broker.write(frame)
        await self.broker.drain()
        return answer

    async def answers(self, reader: asyncio.StreamReader) -> None:
        """Bring the broker's answers to the client, as long as there is one."""
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                frame = await _frame(reader)
                (correlation,) = struct.unpack_from(">i", frame, 4)
                answer = self.asked.pop(correlation, None)
                if answer is not None and not answer.done():
                    answer.set_result(frame)
                if not self.client.is_closing():
                    self.client.write(frame)
        self.client.close()


@dataclass
class Held:
    """An EndTxn that the broker has not got, and what has come of the next transaction."""

    line: Line
    frame: bytes
    next_begun: bool = False
    first_batch: asyncio.Future[bytes] | None = None


class KafkaProxy:
    """``delivered``: the error codes with which the broker answered the late EndTxns; 0 is success."""

    def __init__(self, port: int, broker_port: int) -> None:
        self.bootstrap_servers = f"{HOST}:{port}"
        self.delivered: list[int] = []
        self._port = port
        self._broker_port = broker_port
        self._to_hold: list[Way] = []
        self._to_fence = 0
        self._held: Held | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def hold(self, way: Way) -> None:
        """Keep back the next EndTxn that commits."""
        self._to_hold.append(way)

    def fence_next_start(self) -> None:
        """Answer the next InitProducerId with PRODUCER_FENCED."""
        self._to_fence += 1

    def forget(self) -> None:
        """Hold nothing, and drop what is held."""
        self._to_hold.clear()
        self._held = None
        self.delivered.clear()

    async def serve(self, stop: asyncio.Event, ready: threading.Event) -> None:
        """Serve until ``stop`` is set."""
        async with await asyncio.start_server(self._begin, HOST, self._port):
            ready.set()
            await stop.wait()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve_line(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve_line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_broker, to_broker = await asyncio.open_connection(HOST, self._broker_port)
        except OSError:
            writer.transport.abort()
            return
        line = Line(writer, to_broker)
        answers = asyncio.create_task(line.answers(from_broker))
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                while True:
                    await self._pass_on(line, await _frame(reader))
            if self._held is not None and self._held.line is line:
                # The client has gone. What it said last is still on its way.
                await answers
        finally:
            answers.cancel()
            to_broker.close()
            writer.close()

    async def _pass_on(self, line: Line, frame: bytes) -> None:
        (key,) = struct.unpack_from(">h", frame, 4)
        if key == INIT_PRODUCER_ID and self._to_fence:
            self._to_fence -= 1
            line.client.write(_fenced(frame))
            return
        if key == END_TXN and self._held is None and self._to_hold:
            self._held = Held(line, frame)
            if self._to_hold.pop(0) == "cut":
                line.client.transport.abort()
            return
        if self._held is not None:
            self._held.next_begun |= key == ADD_PARTITIONS
            if self._held.first_batch is not None and key in (PRODUCE, END_TXN):
                await self._deliver(self._held, self._held.first_batch)
        answer = await line.ask(frame)
        if self._held is not None and self._held.next_begun and key == PRODUCE:
            self._held.first_batch = answer

    async def _deliver(self, held: Held, first_batch: asyncio.Future[bytes]) -> None:
        self._held = None
        async with asyncio.timeout(WITHIN_S):
            await first_batch
            answer = await (await held.line.ask(held.frame))
        # Length, correlation id and throttle time come before it.
        self.delivered.append(struct.unpack_from(">h", answer, 12)[0])


def _fenced(request: bytes) -> bytes:
    """Return the answer PRODUCER_FENCED to an InitProducerId of version 2 to 4."""
    version, correlation = struct.unpack_from(">hi", request, 6)
    assert 2 <= version <= 4, version
    # Correlation id, no tags, no throttling, the error, no producer id, no epoch, no tags.
    answer = struct.pack(">ibihqhb", correlation, 0, 0, PRODUCER_FENCED, -1, -1, 0)
    return len(answer).to_bytes(4, "big") + answer


async def _frame(reader: asyncio.StreamReader) -> bytes:
    size = await reader.readexactly(4)
    return size + await reader.readexactly(int.from_bytes(size, "big"))


@contextmanager
def proxy(port: int, broker_port: int) -> Iterator[KafkaProxy]:
    """Serve in a thread while the block runs."""
    found = KafkaProxy(port, broker_port)
    loop = asyncio.new_event_loop()
    stop, ready = asyncio.Event(), threading.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(found.serve(stop, ready),), name="kafka-proxy")
    thread.start()
    try:
        if not ready.wait(WITHIN_S):
            raise RuntimeError("the proxy did not start")
        yield found
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(WITHIN_S)
        loop.close()
