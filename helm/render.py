"""Runs helm on the chart and gives its objects as data; for the chart's tests."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "cfstream"
OLDEST, NEWEST = "1.27", "1.37"
"""Kubernetes versions that the chart is judged for; Chart.yaml promises the oldest."""

Object = dict[str, Any]
Values = dict[str, Any]


class RefusedError(Exception):
    """Helm refused; the message is what it said."""


@dataclass(frozen=True)
class Rendering:
    """The objects of one release, hooks and tests among them."""

    text: str
    objects: tuple[Object, ...]

    def all(self, kind: str) -> list[Object]:
        """Return the objects of a kind."""
        return [each for each in self.objects if each["kind"] == kind]

    def one(self, kind: str, name: str) -> Object:
        """Return the object of a kind whose name ends with ``-name``. Raise KeyError unless there is exactly one."""
        found = [each for each in self.all(kind) if each["metadata"]["name"].endswith(f"-{name}")]
        if len(found) != 1:
            raise KeyError(f"{kind} {name}: {len(found)} of {[each['metadata']['name'] for each in self.all(kind)]}")
        return found[0]

    def pods(self) -> Iterator[tuple[Object, Object]]:
        """Go through everything that makes pods: the object and its pod template (or the pod itself)."""
        for each in self.objects:
            if each["kind"] == "Pod":
                yield each, each
            elif each["kind"] == "CronJob":
                yield each, each["spec"]["jobTemplate"]["spec"]["template"]
            elif each["kind"] in ("Deployment", "StatefulSet", "Job"):
                yield each, each["spec"]["template"]

    def containers(self) -> Iterator[tuple[Object, Object]]:
        """Go through all containers: the object that makes the pod, and the container."""
        for owner, pod in self.pods():
            for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]):
                yield owner, container


@dataclass(frozen=True)
class Chart:
    """The chart, seen through one helm binary."""

    helm: str
    scratch: Path
    _rendered: dict[tuple[str, ...], Rendering] = field(default_factory=dict, compare=False, repr=False)

    def run(self, *arguments: str) -> str:
        """Run helm and return its output. Raise RefusedError with what it said."""
        done = subprocess.run([self.helm, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RefusedError(done.stderr + done.stdout)
        return done.stdout

    def render(
        self, *files: Path, values: Values | None = None, release: str = "live", kubernetes: str = NEWEST
    ) -> Rendering:
        """Render a release with values files and, over them, values; the same is rendered once. Raise RefusedError."""
        above = json.dumps(values or {})
        options = [f"--kube-version={kubernetes}", "--namespace=streams", *(f"--values={path}" for path in files)]
        key = (release, above, *options)
        if key not in self._rendered:
            over = self.scratch / "values.json"
            over.write_text(above, "utf-8")
            text = self.run("template", release, str(CHART), *options, f"--values={over}")
            self._rendered[key] = Rendering(text, tuple(each for each in yaml.safe_load_all(text) if each))
        return self._rendered[key]


def at(value: Any, path: str) -> Any:
    """Return what stands at a path of keys joined by ``/`` (``~`` for a slash in a key).

    Numbers index lists, ``[x]`` finds the list's entry named x.
    """
    for step in (part.replace("~", "/") for part in path.split("/")):
        if isinstance(value, list):
            named = step.removeprefix("[").removesuffix("]")
            value = next(each for each in value if each["name"] == named) if step != named else value[int(step)]
        else:
            value = value[step]
    return value
