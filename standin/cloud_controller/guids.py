"""Guids from a seeded source, so that one seed always tells one story."""

import random


def guid(chance: random.Random) -> str:
    """Return the next guid in the usual form; looks random, is not."""
    text = f"{chance.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
