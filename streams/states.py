"""How does a state get into its row and out of it, and which rows are read by others?"""

from typing import Any

from pydantic import TypeAdapter

from projections.rows import Rows, rows_of
from projections.store import StateKey, Stored, Written

from .fold import BY_NAME, Fold
from .stop import HandlerFailed, StateTooNew

_ADAPTERS = {name: TypeAdapter[Any](handler.State) for name, handler in BY_NAME.items()}


def read_state(row: Stored) -> Any:
    handler = BY_NAME.get(row.key[0])
    if handler is None or row.version != handler.VERSION:
        raise StateTooNew(
            f"state {row.key[0]}|{row.key[1]} has version {row.version}, this code reads"
            f" {handler.VERSION if handler else 'no such handler'}: run `laurel rebuild`"
        )
    return _ADAPTERS[row.key[0]].validate_json(row.state)


def to_write(fold: Fold, exact: set[StateKey], records: str) -> tuple[list[Written], list[Rows]]:
    """States with their deadlines, and rows; one that cannot be had stops as in the fold."""
    states: list[Written] = []
    said: list[Rows] = []
    for key in dict.fromkeys((*fold.changed, *exact)):
        handler = BY_NAME[key[0]]
        state = fold.state(key)
        try:
            text = _ADAPTERS[key[0]].dump_json(state).decode()
            deadline = handler.deadline(state)
            said += rows_of(*key, state) if key in fold.changed else ()
        except Exception as error:
            raise HandlerFailed(
                f"{handler.NAME}: deadline and rows of the state {key[1]}, changed by one of the"
                f" offsets {records} (LAUREL_BATCH=1 tells which): {type(error).__name__}: {error}"
            ) from error
        states.append(Written(key, handler.VERSION, text, deadline, key in exact))
    return states, said
