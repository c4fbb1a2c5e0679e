"""A Cloud Controller and its UAA behind an authority of their own, over real TLS."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from support.producer_run import Site, site

from standin.cloud_controller.controller import CloudController
from standin.cloud_controller.history import Past
from standin.cloud_controller.server import Tls


@dataclass(frozen=True)
class Authority:
    """Signs the server's certificate."""

    signer: trustme.CA
    file: Path

    def issue(self, name: str) -> Tls:
        issued = self.signer.issue_cert(name)
        certificate, key = self.file.with_name("server.pem"), self.file.with_name("server.key")
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)
        return Tls(certificate, key)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    signer = trustme.CA()
    file = tmp_path / "ca.pem"
    signer.cert_pem.write_to_path(file)
    return Authority(signer, file)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return str(getattr(request, "param", "127.0.0.1"))


@pytest.fixture
def here(
    kafka: str, registry_url: str, topic_prefix: str, tmp_path: Path, authority: Authority, name: str
) -> Iterator[Site]:
    cc = CloudController(seed=31)
    cc.write_past(Past(usage_rows=200, apps=10, span_s=86400.0))
    cc.step(60)
    with site(cc, kafka, registry_url, topic_prefix, tmp_path, tls=authority.issue(name)) as found:
        assert found.environment["CFSTREAM_CF_API"].startswith("https://")
        yield found


def test_its_file_is_all_that_is_needed(here: Site, authority: Authority) -> None:
    here.good("producer", "run", "--until-caught-up", cf_ca_file=str(authority.file))
    here.assert_exact()
    found = {each["check"]: each for each in here.run("doctor", "--json", cf_ca_file=str(authority.file)).objects}
    assert found["credentials (default)"]["ok"], found


def test_without_it_one_line_says_what_to_set(here: Site) -> None:
    # No waiting at the start either: a certificate does not mend itself.
    ended = here.run("producer", "run", log_level="error")
    assert ended.code == 2
    assert "is not trusted" in ended.err
    assert "set CFSTREAM_CF_CA_FILE to the PEM file" in ended.err
    assert ended.err.count("\n") == 1, ended.err
    (finding,) = (each for each in here.run("doctor", "--json").objects if each["check"] == "api (default)")
    assert not finding["ok"]
    assert finding["mend"].startswith("set CFSTREAM_CF_CA_FILE")


@pytest.mark.parametrize("name", ["cc.example.com"], indirect=True)
def test_a_certificate_of_another_name_is_refused_even_by_our_authority(here: Site, authority: Authority) -> None:
    ended = here.run("event", "some-guid", cf_ca_file=str(authority.file))
    assert ended.code == 2
    assert "address the server in CFSTREAM_CF_API as its certificate names it" in ended.err


def test_it_reads_unchecked_only_when_told_to_and_says_so(here: Site) -> None:
    guid = here.cc.ledger.usage[0].guid
    assert here.good("event", guid, "--json", cf_skip_ssl_validation="true").objects[0]["guid"] == guid
    ended = here.good("producer", "run", "--until-caught-up", cf_skip_ssl_validation="true")
    assert "certificate is not checked" in ended.err
