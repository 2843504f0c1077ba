"""Is what the house style asks for of every file there? (style: handlers, tests, names)"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from schemas import alert_message, facts, incoming

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "schemas" / "golden"
CODE = ("deploy", "handlers", "projections", "schemas", "streams")

INCOMING = [event.WIRE for event in incoming.EVENTS]
TIMELINE = [fact.WIRE for fact in facts.FACTS] + [facts.Tick.WIRE]
ALERTS = list(alert_message.WIRE_NAMES)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """Each module's path from the root, and what is in it."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            yield name, ast.parse(path.read_text(encoding="utf-8"), name)


def uses(tree: ast.AST, *names: str) -> bool:
    """Whether one of these names is used somewhere within, bare or as an attribute."""
    return any(
        getattr(node, "id", None) in names or getattr(node, "attr", None) in names
        for node in ast.walk(tree)
    )


def test_every_wire_name_has_its_golden_files() -> None:
    wanted = {f"incoming/{wire}.json" for wire in INCOMING}
    wanted |= {f"timeline/{wire}.json" for wire in TIMELINE}
    wanted |= {f"{wire}.json" for wire in ALERTS}
    assert wanted <= {str(path.relative_to(GOLDEN)) for path in GOLDEN.rglob("*.json")}


def test_wire_names_say_a_noun_a_participle_and_a_version() -> None:
    for wire in (*INCOMING, *TIMELINE, *ALERTS):
        assert re.fullmatch(r"([a-z]+\.)+[a-z]+(ed|n|ft)\.v\d+", wire), wire


def test_every_module_that_decides_has_a_spec() -> None:
    deciding = {
        Path(name).stem
        for name, tree in modules("handlers")
        if any(isinstance(node, Function) and node.name == "decide" for node in tree.body)
    }
    assert len(deciding) >= 5
    specs = {path.stem.removeprefix("test_") for path in (ROOT / "tests/handlers").glob("test_*")}
    assert deciding <= specs


def test_no_test_sleeps_and_what_polls_has_a_deadline() -> None:
    for name, tree in modules("tests"):
        for function in ast.walk(tree):
            if isinstance(function, Function) and uses(function, "sleep"):
                where = f"{name}:{function.lineno} {function.name}"
                assert not function.name.startswith("test_"), f"{where} sleeps"
                assert uses(function, "deadline"), f"{where} sleeps without a deadline"


def test_no_test_is_skipped_and_nothing_is_mocked() -> None:
    for name, tree in modules("tests"):
        for kind in ("skip", "skipif", "xfail", "importorskip", "mock", "Mock", "MagicMock"):
            assert not uses(tree, kind), f"{name} uses {kind}"


def test_every_module_says_what_it_answers() -> None:
    for name, tree in modules(*CODE, "tests"):
        assert ast.get_docstring(tree) or not tree.body, f"{name} has no docstring"


def test_handlers_and_schemas_ask_neither_clock_nor_chance_nor_a_file() -> None:
    banned = ("now", "today", "utcnow", "uuid1", "uuid4", "urandom", "open", "print", "input")
    for name, tree in modules("handlers", "schemas"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
                assert called not in banned, f"{name}:{node.lineno} calls {called}"
