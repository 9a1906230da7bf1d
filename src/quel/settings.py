"""Every setting and its default. They are read in `quel.environment`.

A process asks for what it needs with `require`, so that each actor group runs with only its own settings.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from quel.core.errors import SettingsError
from quel.core.models import API_VERSION
from quel.core.redis_url import url_of_parts, with_database
from quel.core.takes import Check
from quel.core.webhooks.address import read_networks
from quel.core.webhooks.target import WebhookPolicy
from quel.settings_file import (
    ComfySection,
    LandingSection,
    PathLimits,
    RouteSection,
    WorkflowSection,
)

DEFAULT_INGEST_QUEUES = ("jobs:queue", "quel_jobs_queue")
_BROKER_DATABASE = 1


class MissingReference(StrEnum):
    """What to do about a reference that cannot be had."""

    SKIP = "skip"
    FAIL = "fail"


def _split(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _without_slash(value: str) -> str:
    return value.rstrip("/")


Url = Annotated[str, AfterValidator(_without_slash)]
Positive = Annotated[int, Field(gt=0)]
NotNegative = Annotated[int, Field(ge=0)]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Settings(BaseModel):
    """Every setting of SPEC 1.1, typed. Field aliases are the variables' names."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, use_attribute_docstrings=True
    )

    database_url: str = Field("", alias="DATABASE_URL", repr=False)
    """PostgreSQL, as `postgresql://user:password@host:5432/name`; a pooler in between is fine."""
    redis_url: str = Field("", alias="REDIS_URL", repr=False)
    """Redis with raw lists, cancel keys and quel's own keys; wins over the five below."""
    redis_host: str = Field("localhost", alias="REDIS_HOST")
    """Host of Redis: a name, an address, or the path of a socket."""
    redis_port: Port = Field(6379, alias="REDIS_PORT")
    """Port of Redis."""
    redis_username: str = Field("", alias="REDIS_USERNAME")
    """User at Redis."""
    redis_password: str = Field("", alias="REDIS_PASSWORD", repr=False)
    """Password at Redis."""
    redis_use_tls: bool | None = Field(None, alias="REDIS_USE_TLS")
    """TLS with REDIS_HOST, `true` or `false`; unset: where a password is set and it is not loopback."""
    broker_redis_url: str = Field("", alias="QUEL_BROKER_REDIS_URL", repr=False)
    """Redis database of the broker alone; by default database 1 of the same server (see below)."""

    supabase_url: Url = Field("", alias="SUPABASE_URL")
    """Where Supabase answers, as `https://project.supabase.co`."""
    supabase_service_key: str = Field("", alias="SUPABASE_SERVICE_KEY", repr=False)
    """The service-role key for Storage."""
    supabase_storage_base_url: str = Field("", alias="SUPABASE_STORAGE_BASE_URL")
    """Where public objects are read; by default derived from SUPABASE_URL and the bucket."""
    supabase_bucket: str = Field("attachments", alias="SUPABASE_BUCKET")
    """The bucket."""

    gemini_api_key: str = Field("", alias="GEMINI_API_KEY", repr=False)
    """The provider's key."""
    gemini_model: str = Field("gemini-nano-banana-2.1", alias="GEMINI_MODEL")
    """The image model; `quel doctor` says whether the provider still knows it."""
    image_size: Literal["1K", "2K", "4K"] = Field("1K", alias="QUEL_IMAGE_SIZE")
    """Size of the images of jobs without `imageSize`: `1K`, `2K` or `4K`, as far as the model has it."""
    gemini_base_url: Url = Field("", alias="GEMINI_BASE_URL")
    """The provider's address, for gateways and tests; by default Google's."""
    gemini_api_version: str = Field(API_VERSION, alias="GEMINI_API_VERSION")
    """The API version in the provider's address."""
    gemini_rpm: Positive | None = Field(None, alias="QUEL_GEMINI_RPM")
    """Provider calls a minute, over all processes and hosts; no limit when unset."""
    gemini_rpd: Positive | None = Field(None, alias="QUEL_GEMINI_RPD")
    """Provider calls a day, which ends at midnight Pacific time; no limit when unset."""
    gemini_concurrency: Positive | None = Field(None, alias="QUEL_GEMINI_CONCURRENCY")
    """Provider calls at once, over all processes and hosts; no limit when unset."""
    gemini_timeout_s: Seconds = Field(120.0, alias="QUEL_GEMINI_TIMEOUT_S")
    """Seconds after which a provider call is given up."""
    gemini_max_attempts: Positive = Field(10, alias="QUEL_GEMINI_MAX_ATTEMPTS")
    """Failing calls after which an image has failed; waiting for quota counts for none."""
    comfy_servers: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field((), alias="QUEL_COMFY_SERVERS")
    """Addresses of ComfyUI servers, with commas between; replaces the settings file's servers."""
    comfy_token: str = Field("", alias="QUEL_COMFY_TOKEN", repr=False)
    """The bearer token that a proxy in front of the servers of QUEL_COMFY_SERVERS asks for."""
    comfy_timeout_s: Seconds = Field(300.0, alias="QUEL_COMFY_TIMEOUT_S")
    """Seconds after which an execution of a workflow without a `timeout_s` of its own is given up."""

    take_check: Check | None = Field(None, alias="QUEL_TAKE_CHECK")
    """What is done about a bad take: `off`, `warn`, or `reroll` (made again, or failed uncharged). Unset:
    `reroll` for what is worthless (blank, cut off, wrong ratio, too small), `warn` for what only looks wrong
    (a reference again, a collage, bars, a double)."""
    take_rerolls: NotNegative = Field(2, alias="QUEL_TAKE_REROLLS")
    """How often one image is made again after bad takes."""
    take_budget: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(0.25, alias="QUEL_TAKE_BUDGET")
    """How many re-rolls a job may have, as a share of its images, rounded up."""
    take_exhausted: Literal["fail", "keep"] = Field("fail", alias="QUEL_TAKE_EXHAUSTED")
    """What becomes of a take that still looks wrong without re-rolls left: `fail`, uncharged, or `keep`. What
    is worthless fails in any case."""

    image_per_price: NotNegative = Field(5, alias="IMAGE_PER_PRICE")
    """Credits an image costs at QUEL_IMAGE_SIZE; a job's own `imageSize` costs by its weight, rounded up."""
    ingest_queues: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field(
        DEFAULT_INGEST_QUEUES, alias="QUEL_INGEST_QUEUES"
    )
    """Redis lists that carry raw job ids, with commas between; replaces all other lists."""
    foreign_lists: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field(
        ("jobs:video",), alias="QUEL_FOREIGN_LISTS"
    )
    """Redis lists of other consumers, with commas between: the sweep leaves alone what lies on them."""
    forward_queue: str = Field("", alias="QUEL_FORWARD_QUEUE")
    """Redis list that ids of jobs quel does not make are passed on to; without it they are refused."""
    adopt_within_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        86400.0, alias="QUEL_ADOPT_WITHIN_S"
    )
    """Seconds since its creation in which the sweep takes up a job quel never had in hand."""
    keep_prompts_d: Annotated[float, Field(ge=0, le=36_500, allow_inf_nan=False)] = Field(
        30.0, alias="QUEL_KEEP_PROMPTS_D"
    )
    """Days after the end of an image in which its prompt stays in quel's own rows."""
    ingest_block_s: Seconds = Field(30.0, alias="ingest_block_s")
    stuck_after_s: Seconds = Field(600.0, alias="QUEL_STUCK_AFTER_S")
    """Seconds of silence after which a job counts as stuck."""
    max_recoveries: NotNegative = Field(3, alias="QUEL_MAX_RECOVERIES")
    """Recoveries in a row without a new image after which a job is closed."""
    default_path: str = Field("fashion", alias="QUEL_DEFAULT_PATH")
    """The path of jobs that name none."""
    unknown_path: Literal["use_default", "reject"] = Field("use_default", alias="QUEL_UNKNOWN_PATH")
    """What becomes of a job with a path nobody knows: `use_default`, or `reject`."""
    missing_reference: MissingReference = Field(MissingReference.SKIP, alias="QUEL_MISSING_REFERENCE")
    """What becomes of a job with a reference that cannot be had: `skip` it, or `fail`."""
    max_images_per_job: Positive = Field(100, alias="QUEL_MAX_IMAGES_PER_JOB")
    """Images a job may ask for; one that asks for more is refused."""
    max_references: Positive = Field(64, alias="QUEL_MAX_REFERENCES")
    """Different references a job may show; the first ones are used, the others named as left out."""
    max_reference_bytes: Positive = Field(25 * 1024 * 1024, alias="QUEL_MAX_REFERENCE_BYTES")
    """Bytes a reference may have."""
    max_reference_pixels: Positive = Field(52_000_000, alias="QUEL_MAX_REFERENCE_PIXELS")
    """Pixels a reference may have once decoded."""
    decoding_budget_bytes: Positive = Field(512 * 1024 * 1024, alias="QUEL_DECODING_BUDGET_BYTES")
    """Bytes of memory that pictures being decoded may take in a process; a larger one is decoded alone."""
    transfer_budget_bytes: Positive = Field(512 * 1024 * 1024, alias="QUEL_TRANSFER_BUDGET_BYTES")
    """Bytes of references a process may be fetching, and as many again of pictures in its provider calls."""
    blob_budget_bytes: Positive = Field(512 * 1024 * 1024, alias="QUEL_BLOB_BUDGET_BYTES")
    """Bytes of pictures between stages at which Redis takes on no further work."""
    webhook_url: str = Field("", alias="QUEL_WEBHOOK_URL", repr=False)
    """Receiver that is told of every job that ends, as `https://…`; none when unset."""
    webhook_hosts: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field((), alias="QUEL_WEBHOOK_HOSTS")
    """Hosts (`name` or `name:port`, with commas between) that a job's `callback_url` may name."""
    webhook_secret: str = Field("", alias="QUEL_WEBHOOK_SECRET", repr=False)
    """What webhooks are signed with, as `whsec_…`; two with a comma between while it is being changed."""
    webhook_networks: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field(
        (), alias="QUEL_WEBHOOK_NETWORKS"
    )
    """Networks (CIDR, with commas between) that are not public and that receivers may stand in as well."""
    http_port: Port | None = Field(None, alias="QUEL_HTTP_PORT")
    """Port for /livez, /readyz and /metrics; one already taken stops nothing. Off when unset."""
    api_host: str = Field("127.0.0.1", alias="QUEL_API_HOST")
    """Address that `quel serve` listens at; one that other machines reach needs QUEL_API_TOKENS_FILE."""
    api_port: Port = Field(8000, alias="QUEL_API_PORT")
    """Port of `quel serve`."""
    api_tokens_file: str = Field("", alias="QUEL_API_TOKENS_FILE")
    """File with a line a token, `name role sha256 [org=UUID [member=UUID]]`, as `quel token new` makes them;
    read again when it changes. Unset: everybody on this machine is an operator."""
    api_origins: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field((), alias="QUEL_API_ORIGINS")
    """Web origins whose pages may call the API, as `https://app.example.com`, with commas between; none."""
    api_rate: Positive = Field(600, alias="QUEL_API_RATE")
    """Requests a minute that a token may make, over all replicas; as many at once after a minute of rest."""
    http_legacy: Literal["off", "token", "open"] = Field("token", alias="QUEL_HTTP_LEGACY")
    """The old server's endpoints: `token`, as all others; `open`, to everybody as there; or `off`."""
    actor: str = Field("", alias="QUEL_ACTOR")
    """Who acts, for the operator log; by default the user's name at the host's."""
    log_format: Literal["auto", "json", "console"] = Field("auto", alias="QUEL_LOG_FORMAT")
    """`json`, `console`, or `auto`: console on a terminal, JSON elsewhere."""
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", alias="QUEL_LOG_LEVEL")
    """The least level that is logged."""
    otlp_endpoint: str = Field("", alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    """Where OpenTelemetry's collector takes OTLP over HTTP; the extra `traces` then writes to it."""
    otlp_traces_endpoint: str = Field("", alias="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    """The same for traces alone, as the whole address. OpenTelemetry's other variables hold as well."""
    otel_sdk_disabled: bool = Field(False, alias="OTEL_SDK_DISABLED")
    """`true` writes no traces, whatever the two above say."""
    path_limits: Mapping[str, PathLimits] = Field(default_factory=dict, alias="path_limits")
    comfy: ComfySection = Field(ComfySection(), alias="comfy", repr=False)
    workflows: Mapping[str, WorkflowSection] = Field(default_factory=dict, alias="workflows")
    routes: Mapping[str, RouteSection] = Field(default_factory=dict, alias="routes")
    landing: LandingSection = Field(LandingSection(), alias="landing")
    comfy_secrets: Mapping[str, str] = Field(default_factory=dict, alias="comfy_secrets", repr=False)
    config_folder: str = Field("", alias="config_folder")

    def require(self, *names: str) -> None:
        """Raises SettingsError naming every variable of `names` that has no value."""
        fields = {field.alias: name for name, field in type(self).model_fields.items()}
        missing = [name for name in names if not getattr(self, fields[name])]
        if missing:
            raise SettingsError(f"{' and '.join(missing)} must be set in the environment.")

    @property
    def redis(self) -> str:
        """The URL of the Redis database with raw lists, cancel keys and quel's own keys."""
        return self.redis_url or url_of_parts(
            self.redis_host,
            self.redis_port,
            username=self.redis_username,
            password=self.redis_password,
            tls=self.redis_use_tls,
        )

    @property
    def broker_redis(self) -> str:
        """The URL of Dramatiq's own Redis database: by default database 1 of the same server."""
        return self.broker_redis_url or with_database(self.redis, _BROKER_DATABASE)

    @property
    def redis_urls(self) -> dict[str, str]:
        """Both Redis databases, each under the variable that moves it."""
        return {"REDIS_URL": self.redis, "QUEL_BROKER_REDIS_URL": self.broker_redis}

    @property
    def longest_call_s(self) -> float:
        """The longest that one call to any engine may take."""
        comfy = [(flow.timeout_s or self.comfy_timeout_s) + flow.wait_s for flow in self.workflows.values()]
        return max([self.gemini_timeout_s, *comfy])

    @property
    def costly_defaults(self) -> dict[str, Any]:
        """The variables that decide over money and are not set, with the defaults that hold (SPEC 1.1)."""
        return {
            str(type(self).model_fields[name].alias): getattr(self, name)
            for name in ("image_per_price", "gemini_model")
            if name not in self.model_fields_set
        }

    @property
    def others_lists(self) -> tuple[str, ...]:
        """Every list whose ids are another consumer's."""
        passed_on = (self.forward_queue,) if self.forward_queue else ()
        return tuple(dict.fromkeys((*self.foreign_lists, *passed_on)))

    @property
    def webhooks(self) -> WebhookPolicy:
        """Who is told of jobs that end."""
        hosts = frozenset(host.lower() for host in self.webhook_hosts)
        return WebhookPolicy(self.webhook_url, hosts, read_networks(self.webhook_networks))

    @property
    def storage_base_url(self) -> str:
        """Where public objects are read, with a slash at its end."""
        if self.supabase_storage_base_url:
            return self.supabase_storage_base_url.rstrip("/") + "/"
        return f"{self.supabase_url}/storage/v1/object/public/{self.supabase_bucket}/"

    @property
    def traces_wanted_by(self) -> str | None:
        """The variable that names a collector; None where none does or tracing is switched off."""
        if self.otel_sdk_disabled:
            return None
        named = ("otlp_traces_endpoint", "otlp_endpoint")
        return next((type(self).model_fields[name].alias for name in named if getattr(self, name)), None)

    def limits(self, path: str) -> PathLimits:
        """What the settings file says of a path; no limit where it says nothing."""
        return self.path_limits.get(path, PathLimits())


REQUIRED = ("DATABASE_URL", "SUPABASE_URL", "SUPABASE_SERVICE_KEY", "GEMINI_API_KEY")
"""The variables without a default; each actor group asks for those it uses."""

VARIABLES: tuple[str, ...] = tuple(
    field.alias for field in Settings.model_fields.values() if field.alias and field.alias.isupper()
)
