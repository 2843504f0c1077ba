"""How is a comparison told? What was compared, what of it is lost, and what is there twice."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Equality:
    """How many were compared, and what is lost and doubled of them.

    `allowed`: what is there twice as promise 5 allows, each case counted by a sender.
    """

    name: str
    compared: int
    lost: list[str]
    doubled: list[str]
    allowed: int = 0

    @property
    def holds(self) -> bool:
        """Whether it is one; of nothing it is none."""
        return self.compared > 0 and not self.lost and not self.doubled

    def with_another(self, other: "Equality") -> "Equality":
        """Both, as one."""
        return Equality(
            self.name,
            self.compared + other.compared,
            self.lost + other.lost,
            self.doubled + other.doubled,
            self.allowed + other.allowed,
        )

    def __str__(self) -> str:
        also = f" ({self.allowed} allowed)" if self.allowed else ""
        return f"{len(self.lost)} lost, {len(self.doubled)} doubled of {self.compared}{also}"


def differ(what: str, wanted: Iterable[str], found: Iterable[str]) -> tuple[list[str], list[str]]:
    """What lacks, and what is too much."""
    needed, stands = Counter(wanted), Counter(found)
    return (
        [f"{what}: - {one}" for one in (needed - stands).elements()],
        [f"{what}: + {one}" for one in (stands - needed).elements()],
    )
