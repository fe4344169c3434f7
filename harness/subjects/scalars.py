"""Examples of the JSON types that hold nothing else: numbers and strings, as small and readable as allowed.

Both functions yield candidates, best first; the caller keeps the first that fits the whole schema. `variant` asks for
another value of the same kind, where a set or a mapping needs several.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from harness.subjects.patterns import matching
from harness.subjects.schemas import Schema

_FORMATS: dict[str, tuple[str, ...]] = {
    "date-time": ("2000-01-01T00:00:00Z",),
    "date": ("2000-01-01",),
    "time": ("00:00:00Z", "00:00:00"),
    "duration": ("PT1S",),
    "email": ("someone@example.com",),
    "idn-email": ("someone@example.com",),
    "name-email": ("Someone <someone@example.com>",),
    "uri": ("https://example.com/",),
    "uri-reference": ("https://example.com/",),
    "multi-host-uri": ("https://example.com/",),
    "hostname": ("example.com",),
    "uuid": ("00000000-0000-4000-8000-000000000001",),
    "uuid1": ("00000000-0000-1000-8000-000000000001",),
    "uuid3": ("00000000-0000-3000-8000-000000000001",),
    "uuid4": ("00000000-0000-4000-8000-000000000001",),
    "uuid5": ("00000000-0000-5000-8000-000000000001",),
    "uuid6": ("00000000-0000-6000-8000-000000000001",),
    "uuid7": ("00000000-0000-7000-8000-000000000001",),
    "uuid8": ("00000000-0000-8000-8000-000000000001",),
    "ipv4": ("127.0.0.1",),
    "ipv6": ("::1",),
    "ipvanyaddress": ("127.0.0.1",),
    "ipv4interface": ("127.0.0.1/32",),
    "ipv6interface": ("::1/128",),
    "ipvanyinterface": ("127.0.0.1/32",),
    "ipv4network": ("127.0.0.0/8",),
    "ipv6network": ("::/64",),
    "ipvanynetwork": ("127.0.0.0/8",),
    "base64": ("dGV4dA==",),
    "base64url": ("dGV4dA==",),
    "json-string": ("{}",),
    "regex": (".*",),
    "color": ("red",),
    "file-path": ("/etc/hosts",),
    "directory-path": (".",),
    "zoneinfo": ("UTC",),
}
"""What stands for a string of each format that pydantic writes. Others (`path`, `binary`, `password`) take any text."""

_ADDRESSES = {"endpoint", "href", "link", "uri", "url"}
"""Last words of names that say of a text what its schema does not: that it is an address."""


def numbers(schema: Schema, variant: int = 0) -> Iterator[int | float]:
    """1 where it is allowed, then what is near the bounds, then what lies between them."""
    step = schema.get("multipleOf", 1 if schema.get("type") == "integer" else 0)
    least = max(schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf))
    most = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf))
    base = 1 if least <= 1 <= most else least if math.isfinite(least) else most
    bounds = [bound for bound in (least, most) if math.isfinite(bound)]
    found = [base, base + 1, base - 1, 0, *bounds, *([sum(bounds) / 2] if len(bounds) > 1 else ())]
    found += [math.nextafter(bound, to) for bound in bounds for to in (math.inf, -math.inf)]
    if step:
        multiples = [math.ceil(value / step) for value in found]
        found = [(multiple + more) * step for more in (0, 1) for multiple in multiples]
    aside = variant * (step or 1)
    moved = [value + sign * aside for sign in (1, -1) for value in found] if variant else []
    for value in [*moved, *found]:
        yield int(value) if float(value).is_integer() else value


def texts(schema: Schema, name: str, variant: int = 0) -> Iterator[str]:
    """A text of the format that is wanted or named, the name of the field itself, or what matches the pattern."""
    least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    kind = schema.get("format", "uri" if _last_word(name) in _ADDRESSES else "")
    yield from (_varied(text, variant) for text in _FORMATS.get(kind, ()))
    number = str(variant + 1) if variant else ""
    for text in (name + number, number + name):
        yield _sized(text, least, most)
    if "pattern" in schema:
        yield from matching(schema["pattern"], least, most, variant)


def _last_word(name: str) -> str:
    """`image_url`, `imageUrl` and `imageURL` end in `url`."""
    return re.split(r"[\W_]|(?<=[a-z])(?=[A-Z])", name)[-1].lower()


def _sized(text: str, least: int, most: float) -> str:
    """Repeat or cut a text to a length that is allowed."""
    if text and len(text) < least:
        text = (text * math.ceil(least / len(text)))[:least]
    return text if len(text) <= most else text[: int(most)]


def _varied(text: str, variant: int) -> str:
    """Another text of the same format: another host, or the last 1 of a date, address or id counted up."""
    if not variant:
        return text
    if "example.com" in text:
        return text.replace("example.com", f"example{variant}.com")
    at = text.rfind("1")
    return text if at < 0 else f"{text[:at]}{(1 + variant) % 10}{text[at + 1 :]}"
