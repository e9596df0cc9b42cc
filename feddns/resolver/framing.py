"""DNS messages on a TCP stream: two octets of length, then the message (RFC 1035 §4.2.2).

Several may come in one read, one may come in several (RFC 7766 §8).  Pure; called by `tcp`.
"""

from __future__ import annotations


def take(stream: bytes) -> tuple[list[bytes], bytes]:
    """The whole messages at the start of `stream`, and the rest that waits for more."""
    size = len(stream)
    if size >= 2 and (stream[0] << 8 | stream[1]) == size - 2:
        return [stream[2:]], b""
    messages = []
    position = 0
    while position + 2 <= size:
        end = position + 2 + (stream[position] << 8 | stream[position + 1])
        if end > size:
            break
        messages.append(stream[position + 2 : end])
        position = end
    return messages, stream[position:]


def frame(message: bytes) -> bytes:
    """The message with its length in front."""
    return len(message).to_bytes(2, "big") + message
