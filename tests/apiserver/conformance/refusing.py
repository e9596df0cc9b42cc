"""What the Python clients make of a refusal, in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from kubernetes.client.exceptions import ApiException
from lightkube.core.exceptions import ApiError


def refused(does: Callable[..., Any], *arguments: Any, **options: Any) -> str:
    """What a client makes of a refusal."""
    try:
        done = does(*arguments, **options)
    except ApiException as error:
        status = json.loads(error.body)
        return f"{error.status} {error.reason}: {status['reason']} {status['message']}"
    except ApiError as error:
        return f"{error.status.code}: {error.status.reason} {error.status.message}"
    return f"done: {type(done).__name__}"
