"""How fast is a Faust agent that upserts each event?"""

from typing import Any

from tests.bench.contestants import asked
from tests.bench.contestants.faust_app import connect, run, stock

app, topic = stock()


@app.agent(topic, name="each")  # type: ignore[untyped-decorator]
async def each(stream: Any) -> None:
    connection = await connect()
    async for event in stream:
        asked.begin()
        for said in asked.usage([event]):
            whose = said["customer"], said["metric"], said["quantity"]
            await connection.execute(asked.UPSERT, whose)


if __name__ == "__main__":
    run(app)
