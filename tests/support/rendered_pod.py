"""What a container of the rendered chart gets: its arguments, its environment, its files laid out below a folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helm.render import Rendering

MOUNTS = "/etc/cfstream"


@dataclass(frozen=True)
class Laid:
    """A container that can be run: everything under /etc/cfstream lies below a folder instead."""

    arguments: list[str]
    environment: dict[str, str]

    @property
    def config(self) -> Path | None:
        """The file that --config names."""
        given = [word.removeprefix("--config=") for word in self.arguments if word.startswith("--config=")]
        return Path(given[0]) if given else None


@dataclass(frozen=True)
class Node:
    """Lays out pods below a folder. Secrets' keys hold ``secrets[secret/key]``, else their own ``secret/key``."""

    folder: Path
    secrets: Mapping[str, str] = field(default_factory=dict)

    def lay(self, rendering: Rendering, pod: dict[str, Any], container: dict[str, Any], name: str) -> Laid:
        """Write the container's files and return what it would be started with; the pod is called ``name``."""
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        for mount in container["volumeMounts"]:
            volume = volumes.get(mount["name"], {})
            self._write(mount["mountPath"], self._secret(volume) | self._config(rendering, volume))
        environment = {each["name"]: self._here(each.get("value", name)) for each in container["env"]}
        return Laid([self._here(word) for word in container["args"]], environment)

    def only(self, rendering: Rendering, kind: str, component: str) -> Laid:
        """Lay out the one container of a Deployment's or StatefulSet's first pod."""
        owner = rendering.one(kind, component)
        pod = owner["spec"]["template"]
        (container,) = pod["spec"]["containers"]
        return self.lay(rendering, pod, container, f"{owner['metadata']['name']}-0")

    def _here(self, text: str) -> str:
        return text.replace(MOUNTS, str(self.folder))

    def _write(self, mount: str, files: dict[str, str]) -> None:
        for name, text in files.items():
            place = Path(self._here(mount)) / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, "utf-8")

    def _secret(self, volume: dict[str, Any]) -> dict[str, str]:
        given = volume.get("secret", {})
        keys = {item["path"]: f"{given['secretName']}/{item['key']}" for item in given.get("items", ())}
        return {path: f"{self.secrets.get(key, key)}\n" for path, key in keys.items()}

    def _config(self, rendering: Rendering, volume: dict[str, Any]) -> dict[str, str]:
        wanted = volume.get("configMap", {"optional": True})
        if wanted.get("optional"):
            return {}
        (found,) = [each["data"] for each in rendering.all("ConfigMap") if each["metadata"]["name"] == wanted["name"]]
        return {name: self._here(text) for name, text in found.items()}
