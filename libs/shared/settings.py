"""What can be set from outside, by environment variables; their descriptions make docs/settings.md."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from libs.shared.privacy import MasterKeys

#: For processes on the embedded MongoDB server: with more requests of each at a time it can come to a stand
#: (docs/performance.md).  motor reads the variable when it is imported.
EMBEDDED_MONGO: Final[Mapping[str, str]] = MappingProxyType({"MOTOR_MAX_WORKERS": "3"})

_PREFIX = "ARCHIPEL_"


class SettingsError(Exception):
    """A setting is missing or has a value that cannot be used; the message names the environment variable."""


class Settings(BaseSettings):
    """All settings of a process.  Every field is read from the variable that `variable(field)` names."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="ignore", populate_by_name=True)

    nats_url: str = Field(
        default="nats://127.0.0.1:4222",
        validation_alias="NATS_URL",
        repr=False,
        description="Where NATS is; commas separate the servers of one cluster. May hold user and password.",
    )
    mongo_url: str = Field(
        default="mongodb://127.0.0.1:27017/",
        validation_alias="MONGO_URL",
        repr=False,
        description="Where MongoDB is, as a connection string. May hold user and password.",
    )
    http_host: str = Field(default="127.0.0.1", description="The address that HTTP listens on.")
    http_port: int = Field(
        default=8080, ge=0, le=65535, description="The port that HTTP listens on; 0 takes a free one."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important messages that are logged."
    )
    log_format: Literal["console", "json"] = Field(
        default="console", description="`console` for people, `json` for machines: one object a line."
    )
    identity_key: SecretStr = Field(
        default=SecretStr(""),
        description="The secret behind the keyed hashes of identities and members, at least 32 characters. "
        "Whoever changes it makes everybody a stranger: keep it as long as the data.",
    )
    master_keys: SecretStr = Field(
        default=SecretStr(""),
        description="The keys that encrypt the members' keys: `<id>:<32 bytes in base64>`, separated by commas, the "
        "newest first. Without them personal data is lost: keep them as long as the data, and a copy elsewhere. "
        "`archipel rotate-keys` makes the older ones superfluous.",
    )
    issuer: str = Field(default="", description="The OIDC issuer whose tokens are accepted, exactly as in `iss`.")
    subject_claim: Literal["sub", "oid"] = Field(
        default="sub",
        description="The claim of a token that says who somebody is: `sub`, or `oid` with Microsoft Entra, whose `sub` "
        "is another one for each application. Whoever changes it makes everybody a stranger.",
    )
    audience: str = Field(default="archipel", description="What `aud` of a token has to contain.")
    jwks_url: str = Field(
        default="", description="Where the issuer's public keys are; empty asks its discovery document."
    )
    operators: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(),
        description="Identity ids that may create networks, separated by commas.",
    )
    smtp_url: str = Field(
        default="",
        repr=False,
        description="The server that takes mails: `smtps://user:password@host:465` speaks TLS from the start, "
        "`smtp://user:password@host:587` after STARTTLS or not at all, `smtp+plain://127.0.0.1:25` never. Without it "
        "mails wait, for four days.",
    )
    mail_from: str = Field(
        default="community@localhost.localdomain",
        description="The address that mails come from; the name beside it is the brand's.",
    )
    public_url: str = Field(
        default="http://127.0.0.1:8080",
        description="Where people reach the gateway: links in mails begin with it. HTTPS in production.",
    )
    client_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s]+)?$",
        description="Where the web client of brands without a domain of their own is; `{brand}` in it stands for the "
        "brand's slug. Mails lead there; without it an invitation leads to a page of the gateway.",
    )
    stream_replicas: Literal[1, 3, 5] = Field(
        default=1, description="How many servers keep a copy of each stream: 1 on a laptop, 3 in production."
    )
    startup_seconds: float = Field(
        default=30.0,
        gt=0,
        description="How long a process waits for NATS and MongoDB before it gives up with exit code 1.",
    )
    shutdown_seconds: float = Field(
        default=4.0, gt=0, description="How long requests in flight may take after SIGTERM before they are cut off."
    )
    concurrent_requests: int = Field(
        default=256,
        ge=1,
        description="How many requests one process of a service handles at the same time; others wait. The gateway "
        "runs at most so many operations, fewer while it is busy; it answers 503 to what would wait for long.",
    )
    documents: Literal["any", "trusted"] = Field(
        default="any",
        description="Which GraphQL documents the gateway runs: `any` within the limits, or `trusted` ones only.",
    )
    trusted_documents: str = Field(
        default="",
        description="The folder of trusted documents: a manifest for each client, `<client>.json`, with documents by "
        "their sha256.",
    )
    introspection: Literal["on", "off"] = Field(
        default="on", description="Whether documents that are not trusted may ask the gateway for its schema."
    )
    origins: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(),
        description="Origins whose web pages may use the gateway beside its own and the homes of brands, exactly as "
        "browsers send them, separated by commas.",
    )
    operation_seconds: float = Field(
        default=10.0,
        gt=0,
        description="How long one query or mutation may ask services; fields that are not answered by then fail alone.",
    )
    stale_seconds: float = Field(
        default=2.0,
        gt=0,
        description="How long a query waits for its view to show what it must, before it is refused with STALE_VIEW.",
    )
    rate_principal: int = Field(
        default=120_000,
        ge=0,
        description="Cost units a minute that one person or service account may spend at the gateways; 0: no limit. "
        "A page of 20 posts with their authors costs about 110.",
    )
    rate_anonymous: int = Field(
        default=60_000,
        ge=0,
        description="Cost units a minute for all who send no token from one address; 0: no limit.",
    )
    rate_brand: int = Field(
        default=6_000_000,
        ge=0,
        description="Cost units a minute that may be spent inside one brand, whoever spends them; 0: no limit.",
    )
    slow_operation_seconds: float = Field(
        default=1.0,
        ge=0,
        description="Queries and mutations that take longer are logged, with their cost and what they asked of the "
        "services; 0 logs none.",
    )
    otlp_endpoint: str = Field(
        default="",
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="The base address of an OpenTelemetry collector (OTLP over HTTP); empty sends no traces and no "
        "metrics. The other `OTEL_…` variables of the OpenTelemetry SDK work too.",
    )

    @field_validator("operators", "origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return frozenset(item.strip() for item in value.split(",") if item.strip())
        return value

    @field_validator("log_level", "log_format", "documents", "introspection", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("stream_replicas", mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    @property
    def identity_secret(self) -> bytes:
        """The identity key; raises SettingsError when it is not set or too short to be a secret."""
        secret = self.identity_key.get_secret_value()
        if len(secret) < 32:
            raise SettingsError(f"{variable('identity_key')} must have at least 32 characters")
        return secret.encode()

    @property
    def key_ring(self) -> MasterKeys:
        """The master keys; raises SettingsError when there is none or one of them is not well formed."""
        try:
            return MasterKeys.parse(self.master_keys.get_secret_value())
        except ValueError as error:
            raise SettingsError(f"{variable('master_keys')}: {error}") from None


def variable(field: str) -> str:
    """The environment variable that sets `field`."""
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"{_PREFIX}{field.upper()}"


def load() -> Settings:
    """The settings of this process; raises SettingsError with one line that names each variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("; ".join(_problem(problem) for problem in error.errors())) from None


def _problem(problem: Any) -> str:
    name = str(problem["loc"][0]) if problem["loc"] else ""
    return f"{variable(name) if name in Settings.model_fields else name}: {problem['msg']}"
