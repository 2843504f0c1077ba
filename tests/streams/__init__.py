"""Does it move as it should? On a real broker and a real database."""

import pytest

pytest.register_assert_rewrite("tests.streams.timeline")
