"""The simulated Cloud Controller on real sockets: connection faults are what a client really meets."""

import datetime as dt
import ipaddress
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from support.simulated import START

from standin.cloud_controller.clock import SimClock
from standin.cloud_controller.faults import Fault
from standin.cloud_controller.history import Past
from standin.cloud_controller.server import CloudController, Served, Tls, running

USAGE = "/v3/app_usage_events"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    cc = CloudController(seed=5, clock=SimClock(START, speed=0))
    cc.write_past(Past(usage_rows=400, apps=20, span_s=3600))
    with running(cc) as address:
        yield address


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    form = {"grant_type": "client_credentials"}
    token = httpx.post(f"{served}/uaa/oauth/token", data=form, auth=("cfstream", "cfstream-secret")).json()
    headers = {"Authorization": f"bearer {token['access_token']}"}
    with httpx.Client(base_url=str(served), headers=headers, timeout=5) as made:
        yield made
    served.service.faults.script.clear()


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("reset", httpx.ReadError),
        ("close_in_body", httpx.RemoteProtocolError),
        ("length_too_long", httpx.RemoteProtocolError),
        ("cut_chunks", httpx.RemoteProtocolError),
    ],
)
def test_a_broken_connection_is_an_error_and_the_next_request_is_whole(
    served: Served, client: httpx.Client, kind: str, error: type[Exception]
) -> None:
    served.service.faults.add(Fault(kind))
    with pytest.raises(error):
        client.get(USAGE, params={"per_page": 300})
    assert len(client.get(USAGE, params={"per_page": 300}).json()["resources"]) == 300


@pytest.mark.parametrize("kind", ["hang", "hang_in_body", "slow"])
def test_a_server_that_hangs_runs_into_the_clients_timeout(served: Served, client: httpx.Client, kind: str) -> None:
    served.service.faults.add(Fault(kind, seconds=60))
    with pytest.raises(httpx.ReadTimeout):
        client.get(USAGE, timeout=0.2)
    assert client.get(USAGE).status_code == 200


def test_a_slow_body_arrives_whole_when_one_waits(served: Served, client: httpx.Client) -> None:
    served.service.faults.add(Fault("slow", seconds=0.002, pieces=30))
    assert client.get(USAGE, params={"per_page": 300}).json() == client.get(USAGE, params={"per_page": 300}).json()


def test_a_hang_that_ends_closes_without_an_answer(served: Served, client: httpx.Client) -> None:
    served.service.faults.add(Fault("hang", seconds=0.01))
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(USAGE)


def test_a_delayed_answer_is_a_good_one(served: Served, client: httpx.Client) -> None:
    served.service.faults.add(Fault("delay", seconds=0.05))
    before = time.monotonic()
    assert client.get(USAGE).status_code == 200
    assert time.monotonic() - before >= 0.05


def test_a_body_that_is_longer_than_announced_is_cut(served: Served, client: httpx.Client) -> None:
    served.service.faults.add(Fault("length_too_short"))
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        client.get(USAGE).json()


def test_the_control_api_is_spared(served: Served) -> None:
    served.service.faults.add(Fault("reset", count=None))
    assert httpx.get(f"{served}/sim/truth").status_code == 200
    assert httpx.delete(f"{served}/sim/faults").json() == []


def test_gzip_is_used_when_asked_for(client: httpx.Client) -> None:
    zipped = client.get(USAGE, params={"per_page": 300}, headers={"Accept-Encoding": "gzip"})
    plain = client.get(USAGE, params={"per_page": 300}, headers={"Accept-Encoding": "identity"})
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert zipped.json() == plain.json()
    assert int(zipped.headers["Content-Length"]) < int(plain.headers["Content-Length"]) / 4


def test_one_connection_serves_many_requests(served: Served, client: httpx.Client) -> None:
    for _ in range(20):
        assert client.get("/v3").headers["X-VCAP-Request-ID"]
    assert client.get("/v3").headers.get_list("Date") == ["Sat, 21 Nov 2026 10:00:00 GMT"]
    assert str(served) in client.get("/").json()["links"]["cloud_controller_v3"]["href"]


def test_a_server_with_a_hanging_client_still_ends() -> None:
    with running(CloudController()) as address, httpx.Client() as client:
        address.service.faults.add(Fault("hang", seconds=600))
        with pytest.raises(httpx.ReadTimeout):
            client.get(f"{address}/v3", timeout=0.1)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/v3", timeout=1)


def own_certificate(folder: Path) -> Tls:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cc.test")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(days=1))
    made = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    tls = Tls(folder / "cert.pem", folder / "key.pem")
    tls.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain, form = serialization.NoEncryption(), serialization.PrivateFormat.PKCS8
    tls.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return tls


def test_it_speaks_https_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    tls = own_certificate(tmp_path)
    with running(CloudController(), tls=tls) as address:
        trusting = ssl.create_default_context(cafile=str(tls.certificate))
        links = httpx.get(f"{address}/", verify=trusting).json()["links"]
        assert links["self"]["href"] == str(address)
        assert address.startswith("https://")
        with pytest.raises(httpx.ConnectError, match="certificate"):
            httpx.get(f"{address}/")
        address.service.faults.add(Fault("reset"))
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{address}/", verify=trusting)
