"""The simulated Cloud Controller as a plain object: world, ledger, life, clock, UAA and what is wrong."""

import random
import threading
from typing import Any

from standin.cloud_controller import truth
from standin.cloud_controller.clock import SECOND, SimClock
from standin.cloud_controller.damage import Damage
from standin.cloud_controller.history import DAY_S, Past, found_orgs, write_past
from standin.cloud_controller.jobs import Jobs
from standin.cloud_controller.ledger import Lateness, Ledger
from standin.cloud_controller.life import Life
from standin.cloud_controller.operations import Operations
from standin.cloud_controller.options import Options
from standin.cloud_controller.uaa import Uaa
from standin.cloud_controller.world import World


class CloudController:
    """Everything behind the HTTP endpoints; safe to use from several threads.

    It begins paused and with nothing in it. Time passes when ``catch_up`` is called: each request and each
    method here does that first. Two of them with one seed that are asked to do the same at the same
    simulated times record the same rows.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        clock: SimClock | None = None,
        options: Options | None = None,
        late_rows: Lateness | None = None,
    ) -> None:
        self.seed = seed
        self.options = options or Options()
        self.clock = clock or SimClock()
        self.lock = threading.RLock()
        self.world = World()
        self.ledger = Ledger(random.Random(f"{seed} guids"))  # noqa: S311 # a seeded story, no secret
        self.ledger.lateness = late_rows or Lateness()
        self._chance = random.Random(f"{seed} life")  # noqa: S311 # as above
        self.ops = Operations(self.world, self.ledger, self._chance)
        self.jobs = Jobs(self.ledger, self._chance)
        self.life = Life(self.world, self.ops, self.jobs, self._chance)
        self.uaa = Uaa(self.options, self.clock)
        self.damage = Damage()
        self.requests = 0
        self.paused = True
        self._pruned_at = self.clock.now()

    def catch_up(self) -> int:
        """Let all happen that is due; returns the simulated time."""
        with self.lock:
            now = self.clock.now()
            if not self.paused:
                self.life.advance(now)
            self.ledger.commit_until(now)
            days = self.options.retention_days
            if days is not None and now - self._pruned_at >= DAY_S * SECOND:
                self.prune(days)
            return now

    def pause(self) -> None:
        """Let no more happen to apps; rows of open transactions still become visible."""
        with self.lock:
            self.catch_up()
            self.paused = True

    def resume(self, rate: float | None = None) -> None:
        """Go on with life, at that rate of deeds a simulated second or at the one before."""
        with self.lock:
            now = self.clock.now()
            if self.paused:
                self.life.wake(now)
                self.paused = False
            if rate is not None:
                self.life.set_rate(rate, now)
            self.catch_up()

    def step(self, seconds: float) -> int:
        """Let time jump forward and happen what is due; returns the new time."""
        with self.lock:
            self.clock.step(seconds)
            return self.catch_up()

    def write_past(self, past: Past, *, until: int | None = None) -> None:
        """Make up a past that ends at ``until``, by default now."""
        with self.lock:
            write_past(self.life, self._chance, self.catch_up() if until is None else until, past)
            self.catch_up()

    def do(self, count: int) -> None:
        """Do so many random things at the present time."""
        with self.lock:
            now = self.catch_up()
            if not self.world.spaces:
                found_orgs(self.life, now, 2)
            for _ in range(count):
                self.life.do_something(now)

    def purge_and_reseed(self) -> int:
        """Empty the usage events and write one row a started process; returns how many."""
        with self.lock:
            return self.jobs.purge_and_reseed(self.catch_up(), self.world)

    def prune(self, days: float) -> tuple[int, int]:
        """Delete rows older than that; returns how many usage and audit rows went."""
        with self.lock:
            self._pruned_at = now = self.clock.now()
            return self.ledger.prune(now - int(days * DAY_S * SECOND))

    def truth(self) -> dict[str, Any]:
        """Return what runs now, and how many rows were ever recorded and can be read."""
        with self.lock:
            now = self.catch_up()
            ledger = self.ledger
            return {
                "now": now,
                "usage_rows": len(ledger.usage),
                "audit_rows": len(ledger.audit),
                "usage_rows_visible": len(ledger.usage_table),
                "audit_rows_visible": len(ledger.audit_table),
                "rows_uncommitted": ledger.usage_table.uncommitted + ledger.audit_table.uncommitted,
                "paused": self.paused,
                **truth.world_truth(self.world),
            }
