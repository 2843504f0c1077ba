"""How fast is a Faust agent that takes many events and upserts them at once?"""

from typing import Any

from tests.bench.contestants import asked
from tests.bench.contestants.faust_app import connect, run, stock

TAKEN = 2000
WITHIN = 0.1

app, topic = stock()


@app.agent(topic, name="take")  # type: ignore[untyped-decorator]
async def take(stream: Any) -> None:
    connection = await connect()
    async for events in stream.take(TAKEN, within=WITHIN):
        asked.begin()
        sums: asked.Sums = {}
        for said in asked.usage(events):
            asked.add(sums, said["customer"], said["metric"], said["quantity"])
        if sums:
            await connection.execute(asked.UPSERT_MANY, asked.columns(sums))


if __name__ == "__main__":
    run(app)
