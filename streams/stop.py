"""Why may Laurel not go on? The named errors that stop a process (design: promise 7)."""


class Stop(Exception):
    """A fault that cannot be handled in place: the process ends, nothing more is committed."""


class TimelineHole(Stop):
    """Records between the position and the batch cannot be had, even after seeking back."""


class TopicRecreated(Stop):
    """The topic is not the one that the position was taken in."""


class PositionBeyondEnd(Stop):
    """The topic ends before the position: it was truncated, or this is another cluster."""


class HistoryExpired(Stop):
    """The topic begins after the position: records were deleted before they were read."""


class PositionLost(Stop):
    """There is no position for a topic that is not empty."""


class TopicMismatch(Stop):
    """A topic is missing or set up otherwise than Laurel needs it."""


class DatabaseMismatch(Stop):
    """The database is at another revision than this code needs, or has no tables of Laurel."""


class Undecodable(Stop):
    """A timeline record cannot be read, or lies in the wrong partition."""


class HandlerFailed(Stop):
    """A handler raised, or is still due after it fired."""


class StateTooNew(Stop):
    """A stored state has a version that this code does not read."""


class AppendFailed(Stop):
    """A record could not be appended to the timeline."""


class NoProgress(Stop):
    """A partition of this worker has lag and made no progress for too long."""


class NoPartitions(Stop):
    """This worker was given no partition for too long, though some have no owner."""


class LoopBlocked(Stop):
    """Nothing has moved in this process for too long, whatever its partitions are."""


class StopHangs(Stop):
    """The process was asked to end and could not do so in time."""


class CannotListen(Stop):
    """An address that this process must serve cannot be listened on."""


class Fenced(Exception):
    """Another owner has moved the position: what was folded is dropped, not committed."""


class Beyond(Exception):
    """The batch begins beyond the position."""

    def __init__(self, position: int) -> None:
        super().__init__(f"the position is {position}")
        self.position = position
