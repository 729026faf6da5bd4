"""A self-contained HTML page of data, styles and scripts.

Nothing in a page comes from the network, and no text can become markup or script.  The data is JSON in a
block that is not executed, in ASCII without `<`, `>` and `&`.  The scripts set text by textContent only.  The
content security policy allows exactly the styles and scripts of the file, by their SHA-256.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

from charseq._version import __version__

_COMMENT = re.compile(r"(?<=[;,])\s+//.*|^\s*//.*|^/\*[^*]*\*/$", re.MULTILINE)


def assembled(data: dict[str, Any], styles: Sequence[str], scripts: Sequence[str]) -> str:
    """Return the page with its data and title, the named assets, and the content security policy.

    The scripts run in their order.
    """
    style = "".join(condensed(asset(name), "") for name in styles)
    sources = [condensed(asset(name)) for name in scripts]
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; "
        f"style-src {_source(style)}; script-src {' '.join(map(_source, sources))}"
    )
    parts = {
        "policy": policy,
        "version": html.escape(__version__),
        "title": html.escape(data["title"]),
        "style": style,
        "data": script_data(data),
        "scripts": "\n".join(f"<script>{source}</script>" for source in sources),
    }
    pieces = asset("page.html", folder="").split("@")  # text, name, text, name, ..., text
    return "".join(parts[piece] if i % 2 else piece for i, piece in enumerate(pieces))


def script_data(data: Any) -> str:
    """Return JSON that neither ends a script element nor begins a comment in it, in ASCII."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def asset(name: str, folder: str = "assets") -> str:
    """Return a file of this package."""
    return (resources.files("charseq.render.html") / folder / name).read_text(encoding="utf-8")


def condensed(text: str, separator: str = "\n") -> str:
    """Return styles or scripts without indentation, empty lines, and comments at the ends of lines.

    In styles, line ends mean nothing, and the separator can be empty.

    None of them has a string of several lines, or one with a comment.
    """
    lines = (line.strip() for line in _COMMENT.sub("", text).splitlines())
    return separator.join(line for line in lines if line)


def _source(text: str) -> str:
    """Return the source of the policy that allows one inline block."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
