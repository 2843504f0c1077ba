"""How does an empty broker become Laurel's, and with which settings?"""

from argparse import Namespace

from . import database
from .reach import reach_kafka
from .settings import Settings
from .shell import postgres_address, say, table
from .topics import begin_positions, check_settings, create


def topics(settings: Settings, _: Namespace) -> None:
    """Make the topics that are missing, begin positions that never were, check what stands."""
    reach_kafka(settings)
    made = create(settings)
    check_settings(settings)
    with database.connect(settings) as connection:
        began = begin_positions(settings, connection)
    for topic in made:
        say(f"made {topic}, {settings.laurel_partitions} partitions")
    say(f"all topics stand as they must; {len(made)} were made, {began} positions began")


def show(settings: Settings, _: Namespace) -> None:
    """Every setting: its variable, its value, where that comes from, and what it must be."""
    rows = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if name == "database_url":
            value = f"postgresql://…@{postgres_address(settings)}"
        origin = "environment" if name in settings.model_fields_set else "default"
        rows.append((name.upper(), value, origin, field.description))
    table(("variable", "value", "from", "must be"), rows)
