"""Avro's whole numbers as bytes and back: zigzag, then seven bits a byte, lowest first."""

MOST_KEPT = 16_384
TIME_BYTES = 8
"""Of a time in microseconds, from 1979 to the year 3111."""

_TIMES = 1 << 7 * (TIME_BYTES - 1)
_MORE = 0x80
_LONGEST = 9
"""Bytes that always fit 64 bits; the few longer ones are fastavro's to judge."""

_times: dict[bytes, int] = {}
"""Numbers of that many bytes that were read before. A whole number's bytes end with themselves: what follows them
does not matter."""


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
    # A time, as a rule, and times come several times: in one record, in one chunk.
    behind = index + TIME_BYTES
    time = _times.get(data[index:behind])
    return (time, behind) if time is not None else _any_at(data, index)


def _any_at(data: bytes, index: int) -> tuple[int, int]:
    result = shift = 0
    start = index
    while True:
        byte = data[index]
        index += 1
        result |= (byte & 0x7F) << shift
        if byte < _MORE:
            break
        shift += 7
        if shift >= 7 * _LONGEST:
            raise OverflowError("a longer number than is read here")
    number = (result >> 1) ^ -(result & 1)
    if index - start == TIME_BYTES:
        if len(_times) >= MOST_KEPT:
            _times.clear()
        _times[data[start:index]] = number
    return number, index


def length_at(data: bytes, index: int) -> tuple[int, int]:
    """Return a length or count as ``long_at`` does. Raise OverflowError for one below zero."""
    number, index = long_at(data, index)
    if number < 0:
        raise OverflowError("less than nothing")
    return number, index
