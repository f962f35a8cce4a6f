"""`make configuration`: write docs/configuration.md from the keys and the packaged files. A test
compares."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tasker_sql import config
from tasker_sql.config.settings import Config

PAGE: Final = Path(__file__).parents[1] / "docs" / "configuration.md"


def generated() -> str:
    """The text of the page."""
    changed = {environment: config.packaged(environment) for environment in config.environments()}
    defaults = config.packaged()
    lines = [HEAD]
    for component, info in Config.model_fields.items():
        about = (getattr(info.annotation, "__doc__", None) or "").split()
        lines += [f"## {component}", "", " ".join(about)]
        table = None
        for path, key in config.keys().items():
            if not path.startswith(f"{component}."):
                continue
            place, _, name = path.rpartition(".")
            if place != table:
                table = place
                if key.about:
                    lines += ["", f"**`[{table.partition('.')[2]}]`** {key.about}"]
                lines += ["", "| key | default | meaning |", "|---|---|---|"]
            elsewhere = [
                f"{environment} {config.plain(values[path])}"
                for environment, values in changed.items()
                if path in values
            ]
            default = "; ".join([config.plain(defaults[path]), *elsewhere])
            lines.append(f"| `{name}` | {default} | {key.meaning} {_sentence(key.needed)} |")
        lines.append("")
    return "\n".join(lines)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


HEAD: Final = """<!-- Made by `make configuration`; a test compares. -->

# Configuration

`tasker-sql run` and `tasker-sql serve` work without any. Values come from these places, each over
the ones before:

1. `config/<component>.toml`, packaged: the defaults below;
2. `config/environments/<environment>/<component>.toml`, packaged: what differs in `development`
   (the default), `test` and `production`; `TASKER_ENV` chooses;
3. a folder of your own that `TASKER_CONFIG` names, with the same layout: for example
   `executor_pools.toml`, and `environments/production/executor_pools.toml`;
4. `DATABASE_URL`, or the text of the file that `DATABASE_URL_FILE` names, over `database.url`;
5. options of the command line.

Tables are merged key by key, arrays are replaced. In texts, `${VAR}` is the environment variable
(an error where it is not set) and `${VAR:-default}` has a default; such a text may also stand where
a number is needed. Unknown keys, values out of bounds and contradictions are refused, with file,
key, value and bound. `tasker-sql config check` finds them before you deploy, `tasker-sql config
show` prints the effective configuration and the source of each value, and `tasker-sql config
explain` prints what each key means.

There is a file only where something can be configured:

- no `pgmq`: PGMQ has no settings, and we make, read and drop its queues ourselves. How often and
  how much to read is in `executor_pools`, when to stop calling it in `circuit_breakers`.
- no `query_cache`: answers are never cached, because an operator needs the current state. Plans
  are cached by PostgreSQL.
- no `system`: `TASKER_ENV` names the environment, the version is the package's, and the limit on
  memory is `orchestration.most_memory`.
"""


if __name__ == "__main__":
    PAGE.write_text(generated())
