"""What is worked out when it is first asked for, and then kept?

As `functools.cached_property`, which until Python 3.12 takes a lock besides.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class lazy(Generic[T]):  # noqa: N801 -- reads as `property` does
    """A property that is kept beside the fields, in the object's dictionary."""

    def __init__(self, work: Callable[[Any], T]) -> None:
        self._work = work
        self._name = work.__name__
        self.__doc__ = work.__doc__

    @overload
    def __get__(self, whole: None, owner: type[Any]) -> "lazy[T]": ...

    @overload
    def __get__(self, whole: object, owner: type[Any]) -> T: ...

    def __get__(self, whole: object | None, owner: type[Any]) -> "lazy[T] | T":
        if whole is None:
            return self
        answer = whole.__dict__[self._name] = self._work(whole)
        return answer
