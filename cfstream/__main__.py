"""``python -m cfstream``."""

from cfstream.cli import main

main()
