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

FILE = """| `QUEL_CONFIG` | – | A YAML file of the shape below; the environment wins over it. |

## The settings file

A key that quel does not know is an error that names it.

```yaml
worker:
  redis:
    queue_name: quel_jobs_queue   # one more raw list, beside the defaults
    timeout: 30s                  # the longest wait of one blocking read: 30s, 500ms, 1m30s
  modules:
    fashion: {enabled: true, max_workers: 5}   # images of this path generated at once, over all processes
    beauty: {enabled: false}                   # its jobs wait as pending until it is enabled again
  fallback:
    default_path: fashion
    unknown_path_behavior: use_default         # or reject
```

Without a file, and for paths it does not name, nothing is limited and everything is enabled.
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
    rows = [f"| `{field.alias}` | {default(field)} | {field.description} |\n" for field in variables]
    return INTRODUCTION + "".join(rows) + FILE


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
