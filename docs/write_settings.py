"""Writes docs/settings.md from the settings themselves.

Run `python docs/write_settings.py` after changing a setting; a test fails while the page is old.
"""

from enum import Enum
from pathlib import Path

from pydantic.fields import FieldInfo

from quel.settings import REQUIRED, Settings

PAGE = Path(__file__).with_name("settings.md")

INTRODUCTION = """# Settings

Every process reads its settings from the environment when it starts; a variable that is empty counts as not
set. A setting that is wrong or missing ends the process with a sentence that names it, and exit code 2. Each
actor group asks only for what it uses: only `generate_image` needs GEMINI_API_KEY, only `prepare_inputs` and
`persist_output` need the two of Supabase, the scheduler needs no database, and alembic only DATABASE_URL.

This page is written by `python docs/write_settings.py`.

| variable | default | meaning |
|---|---|---|
"""

REST = """| `QUEL_CONFIG` | – | A YAML file of the shape below; the environment wins over it. |

A price or model that is not set is a default that costs money: `quel doctor` notes it, and so does the line
`process.started` that a worker logs (`costly_defaults`).

## Redis

**TLS.** `REDIS_URL` decides by its scheme: `rediss://` speaks TLS, `redis://` does not. Of the parts,
`REDIS_USE_TLS` decides; where it is not set, TLS is spoken if `REDIS_PASSWORD` is set and `REDIS_HOST` is
not loopback (localhost, 127.0.0.0/8, ::1, the path of a socket). The broker's database is reached the same
way. The certificate and the name in it are verified against the system's authorities; `SSL_CERT_FILE` names
others, for a URL also `?ssl_ca_certs=FILE`. A server that speaks no TLS does not say so, it keeps silent:
then workers wait for it, and the doctor says that TLS was asked for.

**Databases.** Raw lists, cancel keys and quel's own keys are in the database of `REDIS_URL`, messages in
the one of `QUEL_BROKER_REDIS_URL`: where that is not set, database 1 of the same server. A database that a
server does not have ends workers and scheduler at their start with exit code 2 and a sentence that names
the variable; a server that is away is waited for.

A server with a single database (`databases 1`, many managed services): set `QUEL_BROKER_REDIS_URL` to the
same URL as `REDIS_URL`. No key is in the other's way: messages are under `dramatiq:`, quel's keys under
`quel:`, cancel keys under `job:`, and raw lists have the names you give them, which must not begin with any
of these. What it costs: for each worker, scheduler or command that has ended, the broker runs `KEYS` once
or more, which looks at every key of the database and holds Redis up meanwhile. With `SET cache:1` to
`cache:N` in the sandbox's Valkey 9.1 on two cores of an AMD EPYC one took 0.3 ms at 10,000 keys, 1.8 ms
at 100,000 and 35 ms at 1,000,000 (`redis.Redis().keys("dramatiq:__acks__.x*")`, median of 9). So a database
that other programs fill is shared only where nothing else is to be had; and `FLUSHDB` takes messages with
it.

Redis in cluster mode, also a cluster of one node, cannot be used, and ends the start in the same way: quel
moves ids between two lists, and the broker's scripts use keys that lie on other nodes.

## The settings file

A key that quel does not know is an error that names it.

```yaml
worker:
  redis:
    queue_name: quel_jobs_queue   # one more raw list, beside the defaults
    timeout: 30s                  # the longest wait of one blocking read (10ms or more); see below
  modules:
    fashion: {enabled: true, max_workers: 5}   # images of this path generated at once, over all processes
    beauty: {enabled: false}                   # its jobs wait as pending until it is enabled again
  fallback:
    default_path: fashion
    unknown_path_behavior: use_default         # or reject
```

Without a file, and for paths it does not name, nothing is limited and everything is enabled.

```yaml
engines:
  comfyui:
    servers:                       # one GPU is one server, which makes one image of quel's at a time
      - {name: gpu-a, url: "http://10.0.0.5:8188"}
      - {name: gpu-b, url: "https://gpu.example/comfy", auth: bearer, secret: MY_GPU_TOKEN}
    poll_s: 0.5                    # at most between two questions after a running prompt
    lost_after_s: 60               # a server that is silent for longer has lost the prompt it was given
workflows:
  my-look:
    file: edit_pictures.json       # or variants: [a.json, b.json]: the first that fits an image is taken
    servers: [gpu-a]               # all, where it is left out
    timeout_s: 300                 # from the start of an execution; QUEL_COMFY_TIMEOUT_S where it is left out
    wait_s: 120                    # the longest wait behind other people's prompts
    usd_per_hour: 1.10             # of the GPU; usd_per_image is added to it
    megapixels: 1.0                # of a picture; its sides are multiples of size_step (16)
    escape_weights: false          # `(` is a bracket; true where the node is a CLIPTextEncode
    slots: {prompt: "5.prompt"}    # beside those that nodes' titles name
    refusals: ["unsafe content"]   # patterns of an error's text by which a safety node refuses an image
routes:
  default: {engine: gemini}
  beauty: {engine: comfyui, workflow: my-look, fallback: gemini, fallback_after_s: 5m}
landing:                           # what makes a landing job that names a model, by its modelId
  models:
    flux-schnell: {engine: comfyui, workflow: my-look}
```

`auth` is `none`, `bearer`, `basic` or `header:<name>`, and `secret` the name of the environment variable
with the credential (for `basic` it holds `user:password`). A route names what makes a path's images, from
the claim of a job on; GEMINI_API_KEY is needed only where a route or a fallback names gemini. Files are
relative to the settings file. [operate/comfyui.md](operate/comfyui.md) tells how to bring a workflow.

`timeout` shortens the wait of one blocking read of a raw list. It cannot lengthen it: no read waits longer
than a second, whatever it says, so that a worker that is told to end does so soon; the next read follows at
once. An id that is pushed meanwhile ends the wait, so a long one would bring no id sooner.
"""


def default(field: FieldInfo) -> str:
    """A field's default as an operator would write it."""
    value = field.default
    if field.alias in REQUIRED:
        return "required"
    if value in (None, ""):
        return "–"
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, tuple):
        value = ",".join(value)
    if isinstance(value, bool):
        value = str(value).lower()
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def page() -> str:
    """The page."""
    variables = [field for field in Settings.model_fields.values() if str(field.alias).isupper()]
    rows = [
        f"| `{field.alias}` | {default(field)} | {' '.join((field.description or '').split())} |\n"
        for field in variables
    ]
    return INTRODUCTION + "".join(rows) + REST


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
