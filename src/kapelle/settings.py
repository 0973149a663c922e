"""One tree of settings: environment (`KAPELLE_`), `.env`, `[tool.kapelle]` of pyproject.toml, defaults.

A nested field is `KAPELLE_RUN__WIDTH`. `ALIASES` lists the older names that are accepted for some of them.
"""

import difflib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_origin

from dotenv import dotenv_values
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    PyprojectTomlConfigSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableValue

from kapelle.errors import BadInput, SettingsError
from kapelle.ids import DEFAULT_OWNER, OWNER_PATTERN

Mode = Literal["deterministic", "llm"]

ALIASES: dict[str, tuple[str, ...]] = {
    "ORCHESTRATOR_DATABASE_URL": ("database_url",),
    "ORCH_DATABASE_URL": ("database_url",),
    "ORCH_REQUIRE_POSTGRES": ("require_postgres",),
    "ORCHESTRATOR_PLANNER_MODE": ("planner", "mode"),
    "ORCHESTRATOR_PLANNER_TIMEOUT_S": ("planner", "timeout"),
    "ORCHESTRATOR_EXECUTOR_MODE": ("executor", "mode"),
    "ORCHESTRATOR_EXECUTOR_LLM_TIMEOUT_S": ("executor", "timeout"),
    "ORCHESTRATOR_TOOL_TIMEOUT_S": ("tools", "timeout"),
    "ORCHESTRATOR_TOOL_MAX_RETRIES": ("tools", "max_retries"),
    "ORCHESTRATOR_TOOL_BACKOFF_S": ("tools", "backoff"),
    "OPENAI_API_KEY": ("llm", "api_key"),
    "ORCHESTRATOR_LLM_PROVIDER": ("llm", "provider"),
    "ORCHESTRATOR_LLM_MODEL": ("llm", "model"),
    "ORCHESTRATOR_LLM_BASE_URL": ("llm", "base_url"),
    "ORCHESTRATOR_LLM_MAX_RETRIES": ("llm", "max_retries"),
    "ORCHESTRATOR_LLM_BACKOFF_S": ("llm", "backoff"),
    "ORCHESTRATOR_LLM_TRACE": ("llm", "trace"),
    "COMPANY_JIRA_BASE_URL": ("company", "jira_base_url"),
    "COMPANY_METRICS_BASE_URL": ("company", "metrics_base_url"),
    "COMPANY_LOGS_BASE_URL": ("company", "logs_base_url"),
    "ORCHESTRATOR_COMPANY_TOOL_TIMEOUT_S": ("company", "tool_timeout"),
    "ORCHESTRATOR_COMPANY_SIM_ROOT": ("company", "root"),
    "KAPELLE_COMPANY_ROOT": ("company", "root"),
    "ORCHESTRATOR_RAG_INDEX_PATH": ("rag", "index_path"),
    "ORCHESTRATOR_RAG_RERANK_MODE": ("rag", "rerank_mode"),
    "ORCHESTRATOR_RAG_RERANK_TIMEOUT_S": ("rag", "rerank_timeout"),
    "MANUAL_TOOL_TIMEOUT_S": ("company", "manual_timeout"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("telemetry", "otlp_endpoint"),
}


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)


class ToolSettings(_Group):
    """Limits of every tool call, unless the tool or the step says otherwise."""

    timeout: float = Field(10.0, gt=0, le=86_400)
    """Seconds one attempt may take."""
    max_retries: int = Field(3, ge=0, le=100)
    """Attempts after the first, for transient errors and timeouts."""
    backoff: float = Field(1.0, ge=0, le=3_600)
    """Seconds before the first retry; doubles each time, with jitter."""


class RunSettings(_Group):
    """How a run is walked."""

    width: int = Field(16, ge=1, le=10_000)
    """Steps of one run that may be performed at once."""
    commit_patience: float = Field(30.0, gt=0)
    """Seconds a foreground command waits for a database that cannot be written."""
    max_steps: int = Field(10_000, ge=1)
    """Steps one run may perform, items and rounds counted."""
    max_bytes: int = Field(256_000_000, ge=1_024)
    """Bytes the results of one run may come to; past it nothing new starts."""
    park_after: float = Field(5.0, ge=0, le=3_600)
    """Seconds a run that waits for somebody is held in memory by a worker; then it holds nothing."""
    blob_threshold: int = Field(65_536, ge=1_024)
    """Payloads above this many bytes are stored once, by content hash."""
    synchronous: Literal["normal", "full"] = "normal"
    """SQLite: `full` also survives a power loss, at about twice the cost per step."""


class WorkerSettings(_Group):
    """What `kapelle worker` takes from the queue."""

    concurrency: int = Field(16, ge=1, le=10_000)
    """Runs walked at once by one worker."""
    spread: int = Field(16, ge=1, le=10_000)
    """Items of spread maps walked at once by one worker."""
    owner_concurrency: int | None = Field(None, ge=1)
    """Of them, runs of one owner; none: as many as there is room."""
    queue_limit: int = Field(10_000, ge=1, le=1_000_000_000)
    """Runs that may stand in the queue; more are refused."""
    poll: float = Field(0.02, gt=0, le=60)
    """Seconds between two looks at the queue."""


class ApprovalSettings(_Group):
    """How long people have, who they are, and how they are told."""

    expires_in: float = Field(86_400.0, gt=0, le=3_200_000_000)
    """Seconds from the question, unless the step says otherwise; each level has as long."""
    warn_share: float = Field(0.75, gt=0, le=1)
    """The share of that time after which it is said that it expires; 1: never."""
    roles: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Who may decide: names and their roles, as JSON (`{"ann": ["approver"]}`); none: whoever has this terminal."""
    webhook_url: str | None = Field(None, pattern=r"^https?://")
    """Where questions and what becomes of them are posted; none: nowhere."""
    webhook_secret: SecretStr | None = None
    """Signs what is posted (HMAC-SHA256); as text, or `whsec_` and base64."""
    webhook_timeout: float = Field(10.0, gt=0, le=120)
    """Seconds one delivery may take."""

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if self.webhook_url and self.webhook_secret is None:
            raise ValueError("`webhook_url` needs a `webhook_secret`: nobody could tell who sent what is posted")
        return self

    def roles_of(self, name: str) -> frozenset[str] | None:
        """The roles of somebody; None where no roles are given out and everybody here may decide."""
        return frozenset(self.roles.get(name, ())) if self.roles else None


class RetentionSettings(_Group):
    """How long what is over is kept, in days; 0: for ever. Workers delete it, and `kapelle purge`."""

    text: float = Field(180.0, ge=0, le=100_000)
    """Outputs of steps and texts they read, after their run ended; the answer stays with the run."""
    journal: float = Field(30.0, ge=0, le=100_000)
    """Calls that a step's own loop made, and what the queue knew of a run, after it ended."""
    events: float = Field(0.0, ge=0, le=100_000)
    """What happened in a run, after it ended."""
    runs: float = Field(0.0, ge=0, le=100_000)
    """Runs with all that belongs to them, after they ended."""
    approvals: float = Field(730.0, ge=0, le=100_000)
    """Questions of runs that ended, notifications about them, and who decided what."""
    sessions: float = Field(30.0, ge=0, le=100_000)
    """Sessions that are not used; a run of one that goes on keeps it."""
    corpora: float = Field(7.0, ge=0, le=100_000)
    """Texts that no corpus shows and no run that is kept has read, and vectors of no passage, since they were found
    so."""
    automatic: bool = True
    """Workers delete by themselves, once an hour; else `kapelle purge` does."""
    archive: Path | None = None
    """Where it is written down before it is deleted, as JSON lines; none: `archive` in `home`."""
    archived: bool = True
    """Write it down before it is deleted."""


class PlannerSettings(_Group):
    """Who makes the plan."""

    mode: Mode = "deterministic"
    """`deterministic` (rules), or `llm`."""
    timeout: float = Field(60.0, gt=0)
    """Seconds for one model call of the planner."""


class ExecutorSettings(_Group):
    """Who performs the thinking steps."""

    mode: Mode = "deterministic"
    """`deterministic`, or `llm`."""
    timeout: float = Field(60.0, gt=0)
    """Seconds for one model call of a step."""


class ModelSettings(_Group):
    """The model provider; used only when a model is named or a mode says `llm`."""

    provider: str = "openai"
    """The provider's name."""
    model: str = "gpt-4o-mini"
    """The model's name at that provider."""
    base_url: str | None = None
    """Another address that speaks the provider's protocol."""
    api_key: SecretStr | None = None
    """The provider's key; lying here it is no permission to spend."""
    max_retries: int = Field(3, ge=0, le=100)
    """Attempts after the first."""
    backoff: float = Field(1.0, ge=0)
    """Seconds before the first retry."""
    trace: bool = False
    """Log each request's size and usage (never its text)."""


class CompanySettings(_Group):
    """The company folder of the incident pack and its systems."""

    root: Path | None = None
    """The company folder; without one, the simulated company that Kapelle ships."""
    jira_base_url: str | None = None
    """The ticket system, such as http://127.0.0.1:8001."""
    metrics_base_url: str | None = None
    """The metrics system, such as http://127.0.0.1:8002."""
    logs_base_url: str | None = None
    """The log system, such as http://127.0.0.1:8003."""
    tool_timeout: float = Field(10.0, gt=0)
    """Seconds for one call of a company system."""
    manual_timeout: float = Field(10.0, gt=0)
    """Seconds for one call of the manual tester."""


class RagSettings(_Group):
    """Search over incidents and issues."""

    index_path: Path = Path("data/rag_index.sqlite")
    """A search index of issues built beforehand, used when the file exists."""
    rerank_mode: Literal["auto", "deterministic", "llm"] = "auto"
    """`auto` is deterministic unless a model is named."""
    rerank_timeout: float = Field(8.0, gt=0)
    """Seconds for one reranking."""


class CorpusSettings(_Group):
    """How folders and addresses are read into corpora, and what finds in them by meaning."""

    embedder: str = Field("auto", min_length=1)
    """`auto`: all-MiniLM-L6-v2 when it was fetched and its extra is installed; `minilm`: that or an error; `none`: by
    words only; or a provider's, such as `openai:text-embedding-3-small`, `@512` behind it for fewer dimensions."""
    max_bytes: int = Field(20_000_000, ge=1)
    """Bytes from which a file is skipped."""
    workers: int | None = Field(None, ge=1, le=64)
    """Files read at once; none: as many as there are processors, at most 8."""
    convert_timeout: float = Field(120.0, gt=0, le=3_600)
    """Seconds for converting one pdf or office file."""
    convert_memory: int = Field(1_500, ge=500)
    """Megabytes that a converting process may take."""
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Hosts that `corpus add URL` may fetch from, separated by commas: `example.com`, `*.example.com`, `host:8080`."""
    fetch_timeout: float = Field(30.0, gt=0, le=3_600)
    """Seconds for one fetch, redirects included."""
    fetch_max_bytes: int = Field(20_000_000, ge=1)
    """Bytes that a fetch may bring."""
    fetch_redirects: int = Field(5, ge=0, le=20)
    """Redirects that a fetch follows."""
    watch_every: float = Field(1.0, ge=0.05, le=3_600)
    """Seconds between two looks of `corpus add --watch`; what changes is read once it has been still for one."""

    @field_validator("embedder")
    @classmethod
    def _named(cls, value: str) -> str:
        chosen = "minilm" if value.lower() == "all-minilm-l6-v2" else value.strip()
        provider, colon, model = chosen.partition(":")
        if chosen not in ("auto", "minilm", "none") and not (provider and colon and model):
            raise ValueError(
                f"expected auto, minilm, none or provider:model such as openai:text-embedding-3-small, not {value!r}"
            )
        return chosen

    def with_embedder(self, name: str) -> Self:
        """These settings with another embedder.

        Raises:
            BadInput: that is none.
        """
        try:
            chosen = type(self)(embedder=name).embedder
        except ValidationError as error:
            raise BadInput(f"`--embedder`: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
        return self.model_copy(update={"embedder": chosen})

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return [host.strip(" []\"'").lower() for host in value.split(",") if host.strip(" []\"'")]


class TelemetrySettings(_Group):
    """What is told about the work."""

    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    """The lowest level written to stderr."""
    log_format: Literal["json", "console"] = "json"
    """`json`: one object a line."""
    otlp_endpoint: str | None = None
    """Where spans go by OTLP over HTTP, such as http://phoenix:4317; none: no spans leave."""
    service_name: str = "kapelle"
    """The service's name in spans."""


class _AliasSource(PydanticBaseSettingsSource):
    """The names of `ALIASES`, from the environment and `.env`, as a nested dictionary."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        given: dict[str, str | None] = {**dotenv_values(".env"), **os.environ}
        tree: dict[str, Any] = {}
        for name, path in ALIASES.items():
            value = given.get(name)
            if not value:
                continue
            node = tree
            for key in path[:-1]:
                node = node.setdefault(key, {})
            node.setdefault(path[-1], value)
        return tree


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="KAPELLE_",
        env_nested_delimiter="__",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        pyproject_toml_table_header=("tool", "kapelle"),
        validate_default=False,
        use_attribute_docstrings=True,
    )

    home: Path = Field(default_factory=lambda: Path.home() / ".kapelle")
    """Kapelle's own folder: the database, fetched embedders."""
    database_url: str | None = None
    """`sqlite:///FILE` or `postgresql://...`; none: `kapelle.db` in `home`."""
    require_postgres: bool = False
    """Refuse to start without a Postgres URL."""
    model: str | None = None
    """`provider:model`; naming one is the permission to use it."""
    app: str | None = None
    """`module:name` of your Orchestrator."""
    owner: str = DEFAULT_OWNER
    """`tenant/user`: whose rows these are."""

    tools: ToolSettings = Field(default_factory=ToolSettings)
    run: RunSettings = Field(default_factory=RunSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    approvals: ApprovalSettings = Field(default_factory=ApprovalSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    planner: PlannerSettings = Field(default_factory=PlannerSettings)
    executor: ExecutorSettings = Field(default_factory=ExecutorSettings)
    llm: ModelSettings = Field(default_factory=ModelSettings)
    company: CompanySettings = Field(default_factory=CompanySettings)
    rag: RagSettings = Field(default_factory=RagSettings)
    corpus: CorpusSettings = Field(default_factory=CorpusSettings)
    telemetry: TelemetrySettings = Field(default_factory=TelemetrySettings)

    @field_validator("home")
    @classmethod
    def _expand(cls, home: Path) -> Path:
        return home.expanduser()

    @field_validator("owner")
    @classmethod
    def _whole(cls, owner: str) -> str:
        if not re.match(OWNER_PATTERN, owner):
            raise ValueError("expected `tenant/user`, without blanks, at most 200 characters each")
        return owner

    @property
    def url(self) -> str:
        """The database's URL, the default filled in."""
        return self.database_url or f"sqlite:///{self.home / 'kapelle.db'}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret value loaded, for redaction."""
        return tuple(_secret_values(self))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        files = PyprojectTomlConfigSettingsSource(settings_cls)
        return init_settings, env_settings, dotenv_settings, _AliasSource(settings_cls), files


def _secret_values(node: BaseModel) -> list[str]:
    values: list[str] = []
    for name in type(node).model_fields:
        value = getattr(node, name)
        if isinstance(value, SecretStr) and value.get_secret_value():
            values.append(value.get_secret_value())
        elif isinstance(value, BaseModel):
            values.extend(_secret_values(value))
    return values


def load_settings(**given: Any) -> Settings:  # Any: pydantic validates each value
    """Read the settings; `given` wins over the environment.

    Raises:
        SettingsError: a value cannot be used; the message names the variable and what was expected.
    """
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None
    except UnreadableValue as error:
        name = _not_json()
        if name is None:
            raise SettingsError(f"the settings files of this folder cannot be read: {error}") from None
        raise SettingsError(f"setting `{name}`: expected JSON; {_described(_place(name))}") from None
    except (OSError, ValueError) as error:  # an unreadable or broken pyproject.toml or .env
        raise SettingsError(f"the settings files of this folder cannot be read: {error}") from None
    _refuse_unknown()
    if settings.require_postgres and not settings.url.startswith("postgres"):
        raise SettingsError("`KAPELLE_DATABASE_URL` must be a postgresql:// URL: `KAPELLE_REQUIRE_POSTGRES` is set")
    return settings


def _refuse_unknown() -> None:
    """Refuse names that are no setting's: all of them in our table of pyproject.toml; of variables those alone that are
    a slip, for others may set some of their own that begin as ours do (Kubernetes does for a service of our name)."""
    table = PyprojectTomlConfigSettingsSource(Settings).toml_data
    given = {name.upper(): name.upper() for name in {**dotenv_values(".env"), **os.environ}}
    given |= {
        f"KAPELLE_{name.upper()}": f"[tool.kapelle] {name}" for name in table if name not in Settings.model_fields
    }
    known = [f"KAPELLE_{'__'.join(path).upper()}" for path in _leaves(Settings)]
    for variable, shown in given.items():
        if not variable.startswith("KAPELLE_") or variable in ALIASES or _place(variable)[0] in Settings.model_fields:
            continue
        meant = {name.removeprefix("KAPELLE_"): name for name in known}
        close = difflib.get_close_matches(variable.removeprefix("KAPELLE_"), meant, 1, cutoff=0.8)
        if close or shown != variable:
            hint = f"did you mean `{meant[close[0]]}`?" if close else "`kapelle config` lists those there are"
            raise SettingsError(f"setting `{shown}`: there is none of this name; {hint}")


def _leaves(node: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in node.model_fields.items():
        if _is_group(field):
            yield from _leaves(field.annotation, (*path, name))  # type: ignore[arg-type]  # a group is a model
        else:
            yield (*path, name)


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        place = tuple(str(part) for part in problem["loc"])
        path = place[: _depth(place)]
        aliases = [name for name, target in ALIASES.items() if target == path and os.environ.get(name)]
        name = aliases[0] if aliases else "KAPELLE_" + "__".join(path).upper().removeprefix("KAPELLE_")
        what = f"{problem['msg'][:1].lower()}{problem['msg'][1:]}"
        inside = "".join(f"`{part}`: " for part in place[len(path) :])
        lines.append(f"setting `{name}`: {inside}{what}" + (f"; {_described(path)}" if inside else ""))
    return "; ".join(lines)


def _field(path: tuple[str, ...]) -> FieldInfo | None:
    """The field at a path of the tree."""
    node: type[BaseModel] = Settings
    field = None
    for name in path:
        field = node.model_fields.get(name)
        if field is None:
            return None
        node = field.annotation if _is_group(field) else BaseModel  # type: ignore[assignment]
    return field


def _is_group(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _depth(place: tuple[str, ...]) -> int:
    """How much of a problem's place is the setting; what follows lies inside its value."""
    for depth in range(len(place), 0, -1):
        field = _field(place[:depth])
        if field is not None:
            # A name that a group does not know is a variable all the same.
            return depth + 1 if _is_group(field) else depth
    return len(place)


def _described(path: tuple[str, ...]) -> str:
    field = _field(path)
    return " ".join((field.description or "").split()) if field is not None else ""


def _place(variable: str) -> tuple[str, ...]:
    return tuple(variable.lower().removeprefix("kapelle_").split("__"))


def _not_json() -> str | None:
    """The variable whose value was to be JSON and is none; pydantic-settings names its group alone."""
    for name, value in os.environ.items():
        field = _field(_place(name)) if name.upper().startswith("KAPELLE_") else None
        if field is None or not (_is_group(field) or get_origin(field.annotation) in (dict, tuple, list)):
            continue
        try:
            json.loads(value)
        except ValueError:
            return name.upper()
    return None
