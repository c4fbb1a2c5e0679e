"""A Cloud Controller that can do one thing, fast: pages of usage events, so that the reader is the one measured.

``python pages.py ROWS DELAY_S`` prints its address and serves until it is ended.
"""

import asyncio
import base64
import json
import sys
import time
from email.utils import formatdate
from urllib.parse import parse_qs, urlsplit

BODY = (
    '"state":{{"current":"STARTED","previous":"STARTED"}},'
    '"app":{{"guid":"{app:08x}-1111-4111-8111-0123456789ab","name":"checkout-api-{app}"}},'
    '"process":{{"guid":"{app:08x}-1111-4111-8111-0123456789ab","type":"web"}},'
    '"space":{{"guid":"5d0cf8a8-0000-4000-8000-{space:012d}","name":"production"}},'
    '"organization":{{"guid":"0a0cf8a8-0000-4000-8000-{org:012d}"}},'
    '"buildpack":{{"guid":"b00cf8a8-0000-4000-8000-000000000001","name":"java_buildpack"}},'
    '"task":{{"guid":null,"name":null}},'
    '"memory_in_mb_per_instance":{{"current":512,"previous":256}},"instance_count":{{"current":3,"previous":2}},'
)
LINK = '"links":{"self":{"href":"https://api.example.com/v3/app_usage_events/'
BEGIN = 1_760_000_000
APPS = 3000
BODIES = [BODY.format(app=app, space=app % 150, org=app % 15) for app in range(APPS)]
"""What the rows of an app have alike: put together once, for the reader is the one to be measured."""


def guid_of(number: int) -> str:
    """Return the guid of the row of that number."""
    return f"{number:08x}-0000-4000-8000-0123456789ab"


def page(after: str | None, size: int, rows: int) -> bytes:
    """Return the page behind a row."""
    first = 0 if after is None else int(after[:8], 16) + 1
    last = min(rows, first + size)
    parts = []
    moment = ""
    for number in range(first, last):
        if not moment or number % 5 == 0:
            moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(BEGIN + number // 5))
        guid = guid_of(number)
        begin = f'{{"guid":"{guid}","created_at":"{moment}","updated_at":"{moment}",'
        parts.append(f'{begin}{BODIES[number * 7919 % APPS]}{LINK}{guid}"}}}}}}')
    following = '{"href":"http://x/next"}' if last < rows else "null"
    head = f'{{"pagination":{{"total_results":{rows - first},"total_pages":1,"next":{following},"previous":null}},'
    return (head + '"resources":[' + ",".join(parts) + "]}").encode()


def answer(method: str, target: str, address: str, rows: int) -> bytes:
    """Return the body of an answer."""
    parts = urlsplit(target)
    if method == "POST":
        claims = (
            base64.urlsafe_b64encode(json.dumps({"scope": ["cloud_controller.admin"]}).encode()).decode().rstrip("=")
        )
        return json.dumps({"access_token": f"e30.{claims}.x", "expires_in": 3600}).encode()
    if parts.path == "/":
        links = {"login": {"href": address}, "cloud_controller_v3": {"href": f"{address}/v3"}}
        return json.dumps({"links": links}).encode()
    if parts.path != "/v3/app_usage_events":
        return b'{"pagination":{"next":null},"resources":[]}'
    query = parse_qs(parts.query)
    return page(query.get("after_guid", [None])[0], int(query.get("per_page", ["50"])[0]), rows)


async def main(rows: int, delay_s: float) -> None:
    """Serve."""
    address = ""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            method, target, _ = line.decode().split(" ")
            length = 0
            while (header := await reader.readline()) not in (b"\r\n", b""):
                name, _, value = header.decode().partition(":")
                if name.lower() == "content-length":
                    length = int(value)
            await reader.readexactly(length)
            if "events" in target:
                await asyncio.sleep(delay_s)
            body = answer(method, target, address, rows)
            head = f"HTTP/1.1 200 OK\r\nDate: {formatdate(usegmt=True)}\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    print(address, flush=True)  # noqa: T201 - how its parent learns it
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
