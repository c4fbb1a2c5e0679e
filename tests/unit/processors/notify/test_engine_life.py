"""Any life of a notifier: alerts come and go, receivers fail, it is killed; what people were told adds up."""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.alert_records import NOW, alert

from plumbing.clock import SECOND
from processors.notify import log
from processors.notify.config import AlertsConfig
from processors.notify.decide import Entry
from processors.notify.engine import Engine, GroupId
from schemas.records import Alert

CONFIG = AlertsConfig.model_validate(
    {
        "receivers": [{"name": "chat", "type": "webhook", "url": "https://chat.example/x"}],
        "route": {
            "receiver": "chat",
            "group_by": ["space_guid"],
            "group_wait": "10s",
            "group_interval": "1m",
            "repeat_interval": "300d",
        },
        "flapping": None,
    }
)
SPACES = 2


class Life(RuleBasedStateMachine):
    """A topic, a log and an engine between them; ``told`` counts what reached the receiver."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.topic: list[Alert] = []
        self.committed = 0
        self.kept: dict[GroupId, Entry] = {}
        self.engine = Engine(CONFIG)
        self.firing: dict[int, str] = {}
        self.begun = 0
        self.told: Counter[tuple[str, str]] = Counter()
        self.doubtful: set[str] = set()
        self.dead: set[str] = set()
        self.faults = 0

    @rule(app=st.integers(0, 5))
    def fires_or_resolves(self, app: int) -> None:
        """An app's alert begins, or the one that fires ends."""
        status = "resolved" if app in self.firing else "firing"
        if status == "firing":
            self.begun += 1
            self.firing[app] = f"id-{self.begun}"
        id_ = self.firing[app] if status == "firing" else self.firing.pop(app)
        self._write(alert(f"a{app}", status=status, as_of=self.now, id=id_, labels={"space_guid": f"s{app % SPACES}"}))

    @rule()
    def the_worker_repeats_itself(self) -> None:
        """A worker that starts again writes its last alerts anew."""
        for one in self.topic[-2:]:
            self._write(one)

    @rule(seconds=st.integers(1, 200))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * SECOND

    @rule(outcome=st.sampled_from(["arrived", "arrived", "given up", "killed before", "killed after"]))
    def flush(self, outcome: str) -> None:
        """Send what is due; it arrives, is given up, or the notifier is killed around the request."""
        batches = self.engine.flush(self.now)
        self._keep()
        for batch in batches:
            if outcome in ("arrived", "killed after"):
                new = ((one["id"], one["status"]) for one in batch.alerts if self._is_new(one))
                self.told.update(new)
            if outcome in ("arrived", "given up"):
                self.engine.settle(batch, arrived=outcome == "arrived", now=self.now)
                self._keep()
            if outcome != "arrived":
                self.faults += 1
                self.doubtful |= {one["id"] for one in batch.alerts}
            if outcome == "given up":
                self.dead |= batch.told.resolved
        if batches and outcome.startswith("killed"):
            self._restart()

    @rule()
    def commit(self) -> None:
        """The position moves on, as far as the floors let it."""
        self.committed = min([self.engine.floors().get(0, len(self.topic)), len(self.topic)])

    @precondition(lambda self: self.faults < 5)
    @rule()
    def restart(self) -> None:
        """A clean restart between two rounds."""
        self._restart()

    @invariant()
    def nothing_is_resolved_that_was_never_told(self) -> None:
        for id_, status in self.told:
            if status == "resolved":
                assert (id_, "firing") in self.told or id_ in self.doubtful

    @invariant()
    def without_faults_nothing_is_told_twice(self) -> None:
        for (id_, status), count in self.told.items():
            if id_ not in self.doubtful:
                assert count == 1, (id_, status)

    def teardown(self) -> None:
        """In the end all is quiet and healed: whoever was told of an alert was told of its end."""
        for app in list(self.firing):
            self.fires_or_resolves(app)
        for _ in range(4):
            self.now += 120 * SECOND
            self.flush("arrived")
        for id_ in {id_ for id_, status in self.told if status == "firing"}:
            assert self.told[id_, "resolved"] >= 1 or id_ in self.dead, id_
        assert self.engine.alerts() == []
        assert self.engine.entries == {} == self.kept
        assert self.engine.floors() == {}

    def _is_new(self, one: Alert) -> bool:
        """A message lists all that fires; new is what this receiver was not told before."""
        return one["status"] == "resolved" or self.told[one["id"], "firing"] == 0 or one["id"] in self.doubtful

    def _write(self, one: Alert) -> None:
        self.topic.append(one)
        self.engine.ingest(one, (0, len(self.topic) - 1), self.now)

    def _keep(self) -> None:
        for group in self.engine.changed:
            entry = self.engine.entries.get(group)
            if entry is None:
                self.kept.pop(group, None)
            else:
                self.kept[group] = log.entry_of(log.record(group, entry, "sent", None, self.now))[1]
        self.engine.changed.clear()
        for group, entry in self.engine.entries.items():
            self.kept[group] = entry

    def _restart(self) -> None:
        self.engine = Engine(CONFIG, self.kept)
        for offset in range(self.committed, len(self.topic)):
            self.engine.ingest(self.topic[offset], (0, offset), self.now)
        self.engine.forget_orphans()
        self._keep()


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=300, stateful_step_count=40, deadline=None, derandomize=True)
