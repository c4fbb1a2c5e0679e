"""What this room raises for a cluster that is not set up as it should be; the command line ends with exit 2."""

from typing import ClassVar


class SetupError(Exception):
    """Something in Kafka is not as we need it: to be mended as a wrong setting is. The message says how."""

    exit_code: ClassVar[int] = 2
