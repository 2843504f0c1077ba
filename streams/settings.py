"""How is this deployment set up? Read from the environment once, checked, secrets hidden."""

import os
import re
import socket
from collections.abc import Mapping
from typing import Annotated

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)

from schemas.topics import App

SLACK = "https://slack.com/api/"


class SettingsError(ValueError):
    """A setting is missing or wrong; the message names the variable and what it must be."""


class Settings(BaseModel):
    """Every setting, named as its environment variable in lower case."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, allow_inf_nan=False)

    kafka_bootstrap: str = Field(
        "127.0.0.1:9092", pattern=r"^[^\s:,]+:[0-9]+(,[^\s:,]+:[0-9]+)*$", description="host:port,…"
    )
    database_url: SecretStr = Field(
        SecretStr("postgresql://laurel@127.0.0.1:5432/laurel"), description="postgresql://…"
    )
    slack_bot_token: SecretStr | None = Field(
        None, description="xoxb-…; may be left out where SLACK_API_URL is a local Slack"
    )
    slack_api_url: str = Field(SLACK, pattern=r"^https?://\S+/$", description="ends with a slash")
    slack_fallback_channel: str | None = Field(
        None,
        pattern=r"^[CDG][A-Z0-9]+$",
        description="id, not name, of the channel for alerts without a reachable CSM, such as"
        " C0123ABCD; Slack shows it at the foot of the channel's details",
    )
    laurel_slack_per_second: Annotated[float, Field(gt=0, le=1000)] = Field(
        1.0, description="messages a channel gets a second, in the long run; Slack takes one"
    )
    laurel_prefix: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._-]*$",
        max_length=100,
        description="before every topic and group name",
    )
    laurel_instance: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._-]*$",
        max_length=100,
        description="stable worker name; empty: host and process",
    )
    laurel_partitions: Annotated[int, Field(ge=1, le=1000)] = Field(
        12, description="partitions of every topic"
    )
    laurel_replication: Annotated[int, Field(ge=1, le=10)] = Field(
        1, description="replicas of every topic"
    )
    laurel_batch: Annotated[int, Field(ge=1, le=20_000)] = Field(
        6000, description="records fetched at most at a time"
    )
    laurel_session_seconds: Annotated[float, Field(ge=6, le=90)] = Field(
        10.0, description="silence after which Kafka takes a worker for dead"
    )
    laurel_data: str = Field(
        "/tmp/laurel",  # noqa: S108 -- Faust keeps nothing of value there
        min_length=1,
        description="scratch folder of the workers",
    )
    laurel_ids_remembered: Annotated[int, Field(ge=1000)] = Field(
        10_000_000, description="ids remembered per partition at most"
    )

    laurel_metrics_address: str = Field(
        "127.0.0.1",
        min_length=1,
        description="where workers and door serve /metrics, /livez and /readyz",
    )
    laurel_metrics_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        0, description="the port for it; 0: a free one, which is logged"
    )
    laurel_stuck_seconds: Annotated[float, Field(gt=0)] = Field(
        60.0, description="so long without progress or owner is unhealthy"
    )
    laurel_watchdog_seconds: Annotated[float, Field(ge=0)] = Field(
        300.0, description="so long, and the worker ends itself to be started anew; 0: never"
    )
    laurel_door_address: str = Field(
        "127.0.0.1", min_length=1, description="where `laurel serve` listens"
    )
    laurel_door_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        8080, description="the port for it; 0: a free one, which it logs"
    )
    laurel_door_events_per_second: Annotated[float, Field(gt=0)] = Field(
        1000.0, description="events a token may send, in the long run"
    )
    laurel_door_body_bytes: Annotated[int, Field(ge=1000, le=100_000_000)] = Field(
        5_000_000, description="the largest body the door reads"
    )
    laurel_door_patience: Annotated[float, Field(gt=0, le=600)] = Field(
        10.0, description="seconds for Kafka to acknowledge a body, else 503"
    )

    @field_validator("kafka_bootstrap")
    @classmethod
    def _ports(cls, addresses: str) -> str:
        if any(int(address.rpartition(":")[2]) > 65535 for address in addresses.split(",")):
            raise ValueError("a port is at most 65535")
        return addresses

    @field_validator("slack_bot_token", "slack_fallback_channel", mode="before")
    @classmethod
    def _empty_is_none(cls, text: object) -> object:
        return text or None

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must start with postgresql://")
        try:
            parts = conninfo_to_dict(url.get_secret_value())
        except ProgrammingError:
            # What libpq says would quote the address, and the password with it.
            raise ValueError("is no address that libpq can read") from None
        if not re.fullmatch(r"\d{0,5}(,\d{0,5})*", str(parts.get("port", ""))):
            raise ValueError("has a port that is no number")
        return url

    def check_slack(self) -> None:
        """Raises `SettingsError` where the real Slack has no token, or some cards no channel."""
        if self.slack_bot_token is None and self.slack_api_url == SLACK:
            raise SettingsError(
                "SLACK_BOT_TOKEN is not set: set it, or name a local Slack in SLACK_API_URL"
            )
        if self.slack_fallback_channel is None:
            about = Settings.model_fields["slack_fallback_channel"].description
            raise SettingsError(f"SLACK_FALLBACK_CHANNEL is not set: {about}")

    def topic(self, name: str) -> str:
        """The name in Kafka of one of our topics."""
        return self.laurel_prefix + name

    def group(self, app: App) -> str:
        """The consumer group of a kind of worker."""
        return f"{self.laurel_prefix}laurel-{app}"

    def instance(self, app: App) -> str:
        """The static member name of this worker in its group."""
        return f"{app}-{self.laurel_instance or f'{socket.gethostname()}-{os.getpid()}'}"

    @property
    def transaction_seconds(self) -> float:
        """How long a lock or an idle transaction may last: well below the session timeout."""
        return self.laurel_session_seconds / 2


OURS_ELSEWHERE = {"LAUREL_DOOR", "LAUREL_TOKEN", "LAUREL_SAMPLE_SEEDS"}
"""What `./dev`, the producer's guide and the tests call their own."""


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment; raises `SettingsError` naming each wrong variable."""
    given = {
        name: environ[name.upper()] for name in Settings.model_fields if name.upper() in environ
    }
    known = {name.upper() for name in Settings.model_fields} | OURS_ELSEWHERE
    if unknown := sorted(
        name for name in environ if name.startswith("LAUREL_") and name not in known
    ):
        raise SettingsError(
            f"{', '.join(unknown)}: no such setting; `laurel settings` shows all there are"
        )
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        faults = "\n".join(
            f"  {str(fault['loc'][0]).upper()}: {fault['msg']}"
            f" ({Settings.model_fields[str(fault['loc'][0])].description})"
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise SettingsError(f"the environment is not usable:\n{faults}") from None
