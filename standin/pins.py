"""The exact files that the embedded Kafka and registry are made of: coordinates, sizes and SHA-256 sums.

``python -m standin.pins COORDINATE…`` resolves coordinates with everything that they need and prints the lines
of a lock file; that is how a new version comes in.
"""

import hashlib
import sys
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path


@dataclass(frozen=True)
class Pin:
    """One file of a Maven repository."""

    group: str
    artifact: str
    version: str
    classifier: str
    packaging: str
    size: int
    sha256: str

    @property
    def file_name(self) -> str:
        """The file's name, the same in every repository."""
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{self.artifact}-{self.version}{classifier}.{self.packaging}"


def parse(line: str) -> Pin:
    """Read ``group:artifact:version[:classifier:packaging] bytes sha256``. Raise ValueError for anything else."""
    coordinate, size, sha256 = line.split()
    group, artifact, version, *rest = coordinate.split(":")
    classifier, packaging = rest or ("", "jar")
    return Pin(group, artifact, version, classifier, packaging, int(size), sha256)


def pins(name: str) -> list[Pin]:
    """Return the files of ``kafka`` or ``registry``."""
    text = resources.files("standin").joinpath(f"{name}.lock").read_text("utf-8")
    return [parse(line) for line in text.splitlines() if line and not line.startswith("#")]


def lines_for(coordinates: list[str]) -> list[str]:
    """Resolve coordinates with what they need at run time and return the lock file's lines. Downloads."""
    from jgo.maven import MavenContext  # noqa: PLC0415 - only this needs the resolver, and it is slow to import

    found = set()
    with tempfile.TemporaryDirectory() as folder:
        context = MavenContext(repo_cache=Path(folder))
        given = [context.create_dependency(coordinate) for coordinate in coordinates]
        for dependency in [part for parts in context.resolver.resolve(given) for part in parts]:
            artifact = dependency.artifact
            names = [artifact.groupId, artifact.artifactId, artifact.version]
            if artifact.classifier or artifact.packaging != "jar":
                names += [artifact.classifier, artifact.packaging]
            content = artifact.resolve().read_bytes()
            found.add(f"{':'.join(names)} {len(content)} {hashlib.sha256(content).hexdigest()}")
    return sorted(found)


if __name__ == "__main__":
    sys.stdout.write("\n".join(lines_for(sys.argv[1:])) + "\n")
