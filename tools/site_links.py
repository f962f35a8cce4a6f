"""A hook of `make site`: links to files outside of docs/ lead to the repository."""

from __future__ import annotations

import posixpath
import re
from typing import Any

LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]*)")


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    folder = posixpath.join("docs", posixpath.dirname(page.file.src_uri))

    def lead(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, found[1]))
        name = target.rpartition("/")[2]
        if target.startswith("docs/") and "." in name and name != "mutants.md":
            return found[0]
        return f"]({config['repo_url'].rstrip('/')}/blob/main/{target}"

    return LINK.sub(lead, markdown)
