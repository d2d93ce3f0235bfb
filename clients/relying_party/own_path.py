"""Decides whether an address leads to this application: the only guard against open redirects."""

from urllib.parse import urlsplit


def find_own_path(target: str, *, origin: str) -> str | None:
    """Return path and query of an address of this application; None for any other.

    :param target: a path beginning with one slash, or a whole address under ``origin``.
    """
    if (
        not target
        or len(target) > 2000
        or any(ord(letter) <= 0x20 or ord(letter) == 0x7F for letter in target)
    ):
        return None
    path = target.removeprefix(origin) if target.startswith(f"{origin}/") else target
    # Browsers read a backslash as a slash, and two slashes as the beginning of a host.
    if not path.startswith("/") or "\\" in path or path.startswith("//"):
        return None
    try:
        parts = urlsplit(path)
    except ValueError:
        return None
    if parts.scheme or parts.netloc:
        return None
    return parts._replace(fragment="").geturl()
