"""How fast is a stock Faust that only decodes? It tells whether the machine is quiet."""

from typing import Any

from tests.bench.contestants import asked
from tests.bench.contestants.faust_app import run, stock

app, topic = stock()


@app.agent(topic, name="decode")  # type: ignore[untyped-decorator]
async def decode(stream: Any) -> None:
    async for _ in stream:
        asked.begin()


if __name__ == "__main__":
    run(app)
