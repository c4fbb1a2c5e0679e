"""The version of a table row, without decoding it."""

from schemas.codec import HEADER_BYTES

_MORE = 0x80


def row_version(row: bytes) -> int:
    """Return the first field of an Avro row: a zigzag varint after the Confluent header.

    Records of AppState and PartitionProgress begin with their version. Of two records of one key the higher is the
    newer, wherever they lie in the log: a worker that was paused may write an old one late.
    """
    result = shift = 0
    index = HEADER_BYTES
    while True:
        byte = row[index]
        result |= (byte & ~_MORE) << shift
        if byte < _MORE:
            return (result >> 1) ^ -(result & 1)
        shift += 7
        index += 1
