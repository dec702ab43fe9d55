"""Files from the web into a cache: checked, whole or not at all, and safe when two processes want the same one."""

import logging
import sys
from pathlib import Path

import requests
from filelock import FileLock
from pooch import HTTPDownloader, get_logger, retrieve

from ...config.checks import above
from ...config.errors import first_line
from ...config.secrets import revealed

get_logger().setLevel(logging.WARNING)


def fetch(url: str, folder: Path, md5: str, timeout: float, by_hand: str) -> Path:
    """The file behind the address, in the folder under the address's last name; downloaded unless it is there.

    `timeout` is in seconds without a byte; `by_hand` ends every error: how to supply the file without a download.
    A partial download is never taken for the file: it has another name until its checksum is right.
    Raises ValueError or OSError with a sentence.
    """
    above(0, timeout=timeout)
    target = folder / url.rpartition("/")[2]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"the folder {folder} for downloads cannot be made ({error.strerror}); {by_hand}") from error
    download = HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=timeout)
    try:
        with FileLock(f"{target}.lock"):
            return Path(retrieve(revealed(url), f"md5:{md5}", target.name, folder, downloader=download))
    except requests.RequestException as error:
        raise ConnectionError(f"{url} could not be downloaded ({reason(error)}); {by_hand}") from error
    except ValueError as error:
        raise ValueError(f"{url} is not the expected file: {first_line(error)}; {by_hand}") from error


def reason(error: requests.RequestException) -> str:
    """What went wrong, in a few words."""
    if error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return "the server was silent for too long"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate was not accepted"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy refused"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection was cut"
    if isinstance(error, requests.ConnectionError):
        return "no answer" if "Read timed out" not in str(error) else "the server was silent for too long"
    return str(error)
