"""Reads a whole v3 list while things in it come and go: no thing that stays there is missed.

Page numbers shift when something is deleted, so each page begins at the created_at of the last thing read. Things of
one second that fill more than a page are paged inside and read again until nothing new shows up.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from plumbing.clock import SECOND, iso
from producer.api.client import CloudController
from producer.api.errors import RetriableError
from producer.api.patience import Patience
from producer.feeds.dialect import Page, head, page_of

PER_PAGE = 5000


async def everything(
    api: CloudController, patience: Patience, path: str, params: Mapping[str, str | int], per_page: int = PER_PAGE
) -> AsyncIterator[tuple[dict[str, Any], int]]:
    """Yield each thing of a list once, oldest first, and the server's time when its page was read, microseconds.

    Each page is read whole, without end of tries. Remembers the guids of the seconds at hand only. A thing without
    guid or time ends it with RetriableError.
    """
    since: int | None = None
    page_number = 1
    known: dict[str, int] = {}
    new_in_round = False
    while True:
        query: dict[str, str | int] = {**params, "per_page": per_page, "order_by": "created_at", "page": page_number}
        if since is not None:
            query["created_ats[gte]"] = iso(since)
        page = await _page(api, patience, path, query)
        newest = since
        for row in page.rows:
            guid, created_at = head(row, "v3")
            if guid is None or created_at is None:
                raise RetriableError(f"{path}: something without a guid or a time")
            newest = created_at // SECOND * SECOND
            if guid not in known:
                known[guid] = newest
                new_in_round = True
                yield row, page.server_time
        crowded = newest == since and page.more
        if crowded:
            page_number += 1
        elif page_number > 1 and new_in_round:
            # What vanished meanwhile may have moved the pages: once more, until nothing new shows up.
            page_number, new_in_round = 1, False
        elif page.more:
            since, page_number, new_in_round = newest, 1, False
            known = {guid: second for guid, second in known.items() if newest is None or second >= newest}
        else:
            return


async def _page(api: CloudController, patience: Patience, path: str, query: Mapping[str, str | int]) -> Page:
    async def ask() -> Page:
        answer = await api.get(path, query)
        return page_of(answer.body, answer.server_time)

    return await patience.until_done(ask)
