"""Passwords in addresses are kept in the environment, so that no config, command, journal or message has them.

http://user:secret@host  ->  http://user:***@host
"""

import json
import os
import re
from typing import Any

ADDRESSES = "EXPERIMENTS_ADDRESSES"  # masked address -> address, as JSON; the jobs of a sweep inherit it
ADDRESS = re.compile(r"[A-Za-z][\w+.-]*://[^\s'\"]+")
USER_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^/\s]+(?=@)")
DATABASE_PASSWORD = re.compile(r"(?i)((?<!http)(?<!https)://[^/\s:@]*:)[^\s@]+(?=@)")  # SQLAlchemy takes a / in it
OPTION_PASSWORD = re.compile(r"(?i)([?&](?:password|passwd|pwd|token)=)[^&]+")
MASK = "***"


def masked(text: str) -> str:
    """Text with `***` for each password in an address; `revealed` has the password in this process and its children."""
    return ADDRESS.sub(_masked_address, text)


def without_secrets(value: Any) -> Any:
    """A plain config in which addresses are masked; text with spaces is no address but may be data, and stays."""
    if isinstance(value, dict):
        return {key: without_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return masked(value) if isinstance(value, str) and not re.search(r"\s", value) else value


def revealed(address: str) -> str:
    """The address with its password, or as it is if that is not known."""
    return _addresses().get(address.rstrip("/"), address)


def _masked_address(found: re.Match[str]) -> str:
    address = found[0]
    hidden = address
    for password in (USER_PASSWORD, DATABASE_PASSWORD, OPTION_PASSWORD):
        hidden = password.sub(rf"\1{MASK}", hidden)
    if hidden != address:
        os.environ[ADDRESSES] = json.dumps(_addresses() | {hidden.rstrip("/"): address.rstrip("/")})
    return hidden


def _addresses() -> dict[str, str]:
    return dict(json.loads(os.environ.get(ADDRESSES, "{}")))
