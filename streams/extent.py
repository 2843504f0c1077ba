"""Where does a partition begin and end in Kafka?"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extent:
    """The first offset that is there, and the one that the next record will have."""

    start: int
    end: int
