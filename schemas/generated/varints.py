"""Avro's whole numbers as bytes and back: zigzag, then seven bits a byte, lowest first."""

MOST_KEPT = 16_384
TIME_BYTES = 8
"""Of a time in microseconds, from 1979 to the year 3111."""

_TIMES = 1 << 7 * (TIME_BYTES - 1)
_MORE = 0x80
_MORE_EACH = 0x80_80_80_80_80_80_80_80
_MORE_OF_TIME = 0x00_80_80_80_80_80_80_80
"""Of the eight bytes of a time all but the last say that more follow."""
_LONGEST = 9
"""Bytes that always fit 64 bits; the few longer ones are fastavro's to judge."""


class Varints(dict[int, bytes]):
    """Numbers of ``bits`` as bytes behind a prefix, worked out once; emptied when full.

    A look-up that hits takes a tenth of the work, and most numbers of a record are small or were just written.
    Raise OverflowError for a number that does not fit.
    """

    def __init__(self, prefix: bytes = b"", bits: int = 64) -> None:
        super().__init__()
        self._prefix = prefix
        self._limit = 1 << (bits - 1)

    def __missing__(self, number: int) -> bytes:
        """Work a number out."""
        if not -self._limit <= number < self._limit:
            raise OverflowError(number)
        rest = number << 1 if number >= 0 else ~(number << 1)
        if len(self) >= MOST_KEPT:
            self.clear()
        time = _TIMES <= rest < _TIMES << 7
        found = self[number] = self._prefix + (_bytes_of_time(rest) if time else _bytes_of(rest))
        return found


def _bytes_of(rest: int) -> bytes:
    out = bytearray()
    while rest >= _MORE:
        out.append(rest & 0x7F | _MORE)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _bytes_of_time(rest: int) -> bytes:
    """Return a number of ``TIME_BYTES``; in half the time that the loop takes."""
    return bytes(
        (
            rest & 0x7F | _MORE,
            rest >> 7 & 0x7F | _MORE,
            rest >> 14 & 0x7F | _MORE,
            rest >> 21 & 0x7F | _MORE,
            rest >> 28 & 0x7F | _MORE,
            rest >> 35 & 0x7F | _MORE,
            rest >> 42 & 0x7F | _MORE,
            rest >> 49,
        )
    )


def long_at(data: bytes, index: int) -> tuple[int, int]:
    """Return the number that begins at an index, and the index behind it.

    Raise IndexError where the data end, OverflowError for more than nine bytes.
    """
    first = data[index]
    if first < _MORE:
        return (first >> 1) ^ -(first & 1), index + 1
    second = data[index + 1]
    if second < _MORE:
        first += (second << 7) - _MORE
        return (first >> 1) ^ -(first & 1), index + 2
    # A time, as a rule: eight bytes, the seven bits of each pushed together two by two.
    rest = int.from_bytes(data[index : index + TIME_BYTES], "little")
    if rest & _MORE_EACH != _MORE_OF_TIME or not rest >> 7 * TIME_BYTES:
        return _any_at(data, index)
    rest = rest & 0x007F007F007F007F | rest >> 1 & 0x3F803F803F803F80
    rest = rest & 0x00003FFF00003FFF | rest >> 2 & 0x0FFFC0000FFFC000
    rest = rest & 0x000000000FFFFFFF | rest >> 4 & 0x00FFFFFFF0000000
    return (rest >> 1) ^ -(rest & 1), index + TIME_BYTES


def _any_at(data: bytes, index: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = data[index]
        index += 1
        result |= (byte & 0x7F) << shift
        if byte < _MORE:
            return (result >> 1) ^ -(result & 1), index
        shift += 7
        if shift >= 7 * _LONGEST:
            raise OverflowError("a longer number than is read here")


def length_at(data: bytes, index: int) -> tuple[int, int]:
    """Return a length or count as ``long_at`` does. Raise OverflowError for one below zero."""
    number, index = long_at(data, index)
    if number < 0:
        raise OverflowError("less than nothing")
    return number, index
