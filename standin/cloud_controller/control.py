"""The control API under ``/sim``: how tests and the demo see the truth and steer, from any process."""

import dataclasses
from collections.abc import Callable
from typing import Any

import orjson

from standin.cloud_controller import present_v3
from standin.cloud_controller.acts import act
from standin.cloud_controller.clock import from_iso, iso
from standin.cloud_controller.controller import CloudController
from standin.cloud_controller.faults import Faults
from standin.cloud_controller.history import Past
from standin.cloud_controller.http import ND_JSON, Answer, Call, json_answer
from standin.cloud_controller.ledger import Lateness
from standin.cloud_controller.options import Options, RateLimit
from standin.cloud_controller.scenario import play_demo_scenario

Handler = Callable[[Call], Answer]
LEDGER_LINES = 10_000


class Control:
    """Endpoints without a token. What makes no sense is answered by 400 and ``{"error": …}``."""

    def __init__(self, cc: CloudController, faults: Faults) -> None:
        self._cc = cc
        self._faults = faults

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Return (method, path, handler) of every endpoint."""
        found: list[tuple[str, str, Callable[[Call], Any]]] = [
            ("GET", "/sim/truth", lambda _: self._cc.truth()),
            ("GET", "/sim/ledger", self.ledger),
            ("GET", "/sim/clock", lambda _: self._clock()),
            ("POST", "/sim/clock", self.set_clock),
            ("POST", "/sim/generate", self.generate),
            ("POST", "/sim/scenario", self.scenario),
            ("POST", "/sim/act", lambda call: act(self._cc, call.json())),
            ("POST", "/sim/pause", self.pause),
            ("POST", "/sim/resume", self.resume),
            ("GET", "/sim/options", lambda _: self._options()),
            ("POST", "/sim/options", self.set_options),
            ("POST", "/sim/tokens/revoke", self.revoke_tokens),
            ("POST", "/sim/lateness", self.set_lateness),
            ("POST", "/sim/prune", self.prune),
            ("POST", "/sim/purge", lambda _: {"rows": self._cc.purge_and_reseed()}),
            ("GET", "/sim/faults", lambda _: self._script()),
            ("POST", "/sim/faults", self.add_fault),
            ("DELETE", "/sim/faults", self.clear_faults),
            ("POST", "/sim/damage", self.damage),
            ("DELETE", "/sim/damage", self.mend),
            ("GET", "/sim/statistics", lambda _: self._statistics()),
        ]
        return [(method, path, _guarded(handler)) for method, path, handler in found]

    def ledger(self, call: Call) -> Answer:
        """Return rows ever recorded as JSON lines, in id order, whether visible, pruned or not.

        ``feed`` is usage or audit, ``after`` an id (0), ``limit`` the most lines (10,000). A line has ``id``,
        ``visible_at`` (microseconds) and ``event``, the row as v3 shows it, undamaged.
        """
        feed, after = call.first("feed") or "usage", int(call.first("after") or 0)
        part = slice(after, after + int(call.first("limit") or LEDGER_LINES))
        if feed not in ("usage", "audit"):
            raise ValueError("feed has to be usage or audit")
        ledger, base = self._cc.ledger, call.base
        if feed == "usage":
            shown = [(row.id, row.visible_at, present_v3.usage_event(row, base)) for row in ledger.usage[part]]
        else:
            shown = [(row.id, row.visible_at, present_v3.audit_event(row, base)) for row in ledger.audit[part]]
        lines = (orjson.dumps({"id": row_id, "visible_at": at, "event": event}) for row_id, at, event in shown)
        return Answer(b"".join(line + b"\n" for line in lines), 200, {"Content-Type": ND_JSON})

    def set_clock(self, call: Call) -> dict[str, Any]:
        """Take ``set`` (ISO 8601), then ``step_seconds``, ``speed`` and ``date_skew_seconds``."""
        asked, clock = call.json(), self._cc.clock
        if "set" in asked:
            clock.set(from_iso(asked["set"]))
        if "speed" in asked:
            clock.set_speed(float(asked["speed"]))
        if "date_skew_seconds" in asked:
            clock.skew_s = float(asked["date_skew_seconds"])
        self._cc.step(float(asked.get("step_seconds", 0)))
        return self._clock()

    def generate(self, call: Call) -> dict[str, Any]:
        """Do ``deeds`` now, or make up a past.

        A past has ``usage_rows``, ``apps``, ``span_seconds``, ``old_apps``, ``orgs`` and ``until`` (ISO 8601).
        """
        asked = call.json()
        if "deeds" in asked:
            self._cc.do(int(asked["deeds"]))
        else:
            until = from_iso(asked.pop("until")) if "until" in asked else None
            if "span_seconds" in asked:
                asked["span_s"] = asked.pop("span_seconds")
            self._cc.write_past(Past(**asked), until=until)
        return self._statistics()

    def scenario(self, call: Call) -> dict[str, Any]:
        """Play the fixed demo scenario, with ``usage_rows`` and ``apps`` if given."""
        play_demo_scenario(self._cc, **call.json())
        return self._statistics()

    def pause(self, _: Call) -> dict[str, Any]:
        """Let nothing more happen to apps."""
        self._cc.pause()
        return self._clock()

    def resume(self, call: Call) -> dict[str, Any]:
        """Go on, at ``rate`` deeds a simulated second if given."""
        self._cc.resume(call.json().get("rate"))
        return self._clock()

    def set_options(self, call: Call) -> dict[str, Any]:
        """Change options by name; a rate limit is ``{"requests", "window_s"}`` or null."""
        names = {one.name for one in dataclasses.fields(Options)}
        for name, value in call.json().items():
            if name not in names:
                raise ValueError(f"no option is called {name!r}; there are {', '.join(sorted(names))}")
            if name.endswith("_rate_limit") and value is not None:
                setattr(self._cc.options, name, RateLimit(**value))
            else:
                setattr(self._cc.options, name, tuple(value) if isinstance(value, list) else value)
        return self._options()

    def revoke_tokens(self, _: Call) -> dict[str, Any]:
        """Void all tokens given out."""
        self._cc.uaa.revoke_all()
        return self._statistics()

    def set_lateness(self, call: Call) -> dict[str, Any]:
        """Let transactions take their time from now on: the fields of ``Lateness``."""
        self._cc.ledger.lateness = Lateness(**call.json())
        return self._cc.ledger.lateness._asdict()

    def prune(self, call: Call) -> dict[str, Any]:
        """Delete rows older than ``days``, or usage rows through ``usage_id``, audit rows through ``audit_id``."""
        asked, ledger = call.json(), self._cc.ledger
        if "days" in asked:
            usage, audit = self._cc.prune(float(asked["days"]))
        else:
            usage = ledger.usage_table.delete_through(int(asked.get("usage_id", 0)))
            audit = ledger.audit_table.delete_through(int(asked.get("audit_id", 0)))
        return {"usage_rows_deleted": usage, "audit_rows_deleted": audit}

    def add_fault(self, call: Call) -> list[dict[str, Any]]:
        """Append a line to the script of faults."""
        self._faults.add_from(call.json())
        return self._script()

    def clear_faults(self, _: Call) -> list[dict[str, Any]]:
        """Let everything go well again."""
        self._faults.script.clear()
        return self._script()

    def damage(self, call: Call) -> dict[str, Any]:
        """Break one row for good: ``kind``, ``feed`` and ``guid``, or ``id`` (negative counts from the end)."""
        asked = call.json()
        ledger = self._cc.ledger
        if "guid" in asked:
            guid = asked["guid"]
        else:
            rows = ledger.audit if asked.get("feed") == "audit" else ledger.usage
            number = int(asked["id"])
            guid = rows[number - 1 if number > 0 else number].guid
        self._cc.damage.add(guid, asked["kind"])
        return {"guid": guid, "kind": asked["kind"]}

    def mend(self, _: Call) -> dict[str, Any]:
        """Mend all rows."""
        self._cc.damage.clear()
        return {}

    def _script(self) -> list[dict[str, Any]]:
        return [dataclasses.asdict(fault) for fault in self._faults.script]

    def _options(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self._cc.options), "client_secret": "***", "password": "***"}

    def _clock(self) -> dict[str, Any]:
        cc = self._cc
        now = cc.catch_up()
        return {
            "now": iso(now),
            "now_us": now,
            "speed": cc.clock.speed,
            "date_skew_seconds": cc.clock.skew_s,
            "paused": cc.paused,
            "rate": cc.life.rate,
        }

    def _statistics(self) -> dict[str, Any]:
        cc = self._cc
        return {
            "requests": cc.requests,
            "tokens_given": cc.uaa.tokens_given,
            "usage_rows": len(cc.ledger.usage),
            "audit_rows": len(cc.ledger.audit),
            "usage_rows_visible": len(cc.ledger.usage_table),
            "audit_rows_visible": len(cc.ledger.audit_table),
            "apps": len(cc.world.apps),
            "faults_hit": sum(fault.hits for fault in self._faults.script),
        }


def _guarded(handler: Callable[[Call], Any]) -> Handler:
    def answer(call: Call) -> Answer:
        try:
            content = handler(call)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            return json_answer({"error": str(error)}, status=400)
        return content if isinstance(content, Answer) else json_answer(content)

    return answer
