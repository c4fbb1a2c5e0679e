from pathlib import Path

from standin.kafka_storage import META, TEMPLATE, format_storage, new_id


def jars(folder: Path) -> Path:
    made = folder / "jars"
    made.mkdir()
    (made / TEMPLATE).write_bytes(b"features")
    return made


def meta(data: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (data / META).read_text().splitlines())


def test_a_formatted_folder_says_who_the_broker_is(tmp_path: Path) -> None:
    data = tmp_path / "data"
    format_storage(jars(tmp_path), data, cluster_id="c", node_id=3)
    assert {name: meta(data)[name] for name in ("version", "cluster.id", "node.id")} == {
        "version": "1",
        "cluster.id": "c",
        "node.id": "3",
    }
    assert (data / TEMPLATE).read_bytes() == b"features"


def test_formatting_again_changes_nothing(tmp_path: Path) -> None:
    data, made = tmp_path / "data", jars(tmp_path)
    format_storage(made, data, cluster_id="c", node_id=1)
    before = meta(data)
    format_storage(made, data, cluster_id="other", node_id=2)
    assert meta(data) == before


def test_formatting_that_was_cut_off_is_done_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / TEMPLATE).write_bytes(b"fea")
    format_storage(jars(tmp_path), data, cluster_id="c", node_id=1)
    assert (data / TEMPLATE).read_bytes() == b"features"


def test_an_identity_has_kafkas_form() -> None:
    made = {new_id() for _ in range(2000)}
    assert len(made) == 2000
    assert all(len(one) == 22 and not one.startswith("-") for one in made)
