"""How much may a token send? So many events a second, and what it saved up of late."""

from dataclasses import dataclass


@dataclass(slots=True)
class _Purse:
    left: float
    at: float


class Allowance:
    """Each name's purse fills by `rate` a second up to `most`; `now` is in seconds of any clock."""

    def __init__(self, rate: float, most: float) -> None:
        self.rate = rate
        self.most = most
        self._purses: dict[str, _Purse] = {}

    def take(self, name: str, amount: float, now: float) -> float:
        """Take this much, or nothing and say in how many seconds it would be there; 0: taken."""
        purse = self._purses.setdefault(name, _Purse(self.most, now))
        purse.left = min(self.most, purse.left + (now - purse.at) * self.rate)
        purse.at = now
        if amount > purse.left:
            return (amount - purse.left) / self.rate
        purse.left -= amount
        return 0.0

    def give_back(self, name: str, amount: float) -> None:
        """Undo a taking."""
        self._purses[name].left += amount
