import pytest

from standin.pins import Pin, parse, pins


def test_a_line_says_coordinate_size_and_sum() -> None:
    assert parse("g.h:a:1.0 12 ab") == Pin("g.h", "a", "1.0", "", "jar", 12, "ab")
    assert parse("g:a:1.0:all:tar.gz 12 ab").file_name == "a-1.0-all.tar.gz"
    assert parse("g:a:1.0 12 ab").file_name == "a-1.0.jar"


@pytest.mark.parametrize("line", ["g:a:1.0", "g:a:1.0 x ab", "g:a 1 ab", "g:a:1:c 1 ab"])
def test_a_damaged_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"unpack|invalid literal"):
        parse(line)


@pytest.mark.parametrize(("name", "file"), [("kafka", "kafka_2.13-4.2.1.jar"), ("registry", "-all.tar.gz")])
def test_every_file_is_pinned_once_and_whole(name: str, file: str) -> None:
    found = pins(name)
    assert any(pin.file_name.endswith(file) for pin in found)
    assert len({(pin.group, pin.artifact) for pin in found}) == len(found)
    assert all(len(pin.sha256) == 64 and pin.size > 0 for pin in found)
