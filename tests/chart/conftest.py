"""The tools of the chart's tests: helm and the judge, built once by helm/tools.sh."""

import subprocess
from pathlib import Path

import pytest

from helm.render import CHART, Chart, Rendering

ROOT = CHART.parent.parent
PROFILE = {
    "cf": {"api": "https://api.sys.example.com", "clientId": "cfstream", "existingSecret": "cfstream-cf"},
    "kafka": {"bootstrapServers": "kafka.example.com:9092", "sasl": {"username": "cfstream"}},
    "schemaRegistry": {"url": "https://registry.example.com", "username": "cfstream"},
}
"""What the profiles leave to the user."""


@pytest.fixture(scope="session")
def tools() -> dict[str, str]:
    done = subprocess.run([ROOT / "helm" / "tools.sh"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


@pytest.fixture(scope="session")
def chart(tools: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Chart:
    return Chart(tools["CHART_HELM"], tmp_path_factory.mktemp("values"))


@pytest.fixture(scope="session")
def minimal() -> Path:
    return CHART / "ci" / "minimal-values.yaml"


@pytest.fixture(scope="session")
def base(chart: Chart, minimal: Path) -> Rendering:
    """The release that only what must be given was given for."""
    return chart.render(minimal)


@pytest.fixture(scope="session")
def cases(chart: Chart) -> dict[str, Rendering]:
    """Each ci/*-values.yaml and each profile, rendered for the newest Kubernetes."""
    found = {path.stem: chart.render(path) for path in sorted((CHART / "ci").glob("*-values.yaml"))}
    profiles = sorted((CHART / "profiles").glob("*-values.yaml"))
    given: dict[str, dict[str, object]] = {"strimzi-values": PROFILE | {"schemaRegistry": {}, "kafka": {}}}
    return found | {path.stem: chart.render(path, values=given.get(path.stem, PROFILE)) for path in profiles}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            # The first run builds helm.
            item.add_marker(pytest.mark.timeout(1800))
