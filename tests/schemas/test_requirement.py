"""What may be said of a requirement, and what not?"""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.envelope import Unreadable, parse
from schemas.incoming import RequirementDescribed

GOLDEN = Path(__file__).parent / "golden" / "incoming" / "requirement.described.v1.json"


def _told(**data: Any) -> bytes:
    return json.dumps({**json.loads(GOLDEN.read_bytes()), "data": data}).encode()


def test_a_requirement_asks_for_a_course_or_a_certificate_and_never_for_both() -> None:
    with pytest.raises(Unreadable, match=r"^/data: .*`course` or the `certificate`") as refused:
        parse(_told(requirement="R", course="reporting", certificate="reporting-pro"))
    assert refused.value.reason == "data"


def test_a_requirement_may_name_nothing_but_itself() -> None:
    assert parse(_told(requirement="R")).data == RequirementDescribed(requirement="R")


def test_a_requirement_without_its_id_is_refused() -> None:
    with pytest.raises(Unreadable, match=r"^/data/requirement: "):
        parse(_told(role="admin"))
