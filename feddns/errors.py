"""The one tree of errors, cut by what the caller should do about each.

    FeddnsError
    ├── Refused            bad input; say so to whoever gave it, keep what was good before
    │   ├── NameRefused        text or bytes that are no domain name      (RFC 1035 §2.3.4, §3.1)
    │   ├── ObjectRefused      a Kubernetes object that cannot be used    (named, with the reason)
    │   ├── DocumentRefused    a file or document that does not parse     (file and line)
    │   ├── SelectorRefused    text that is no selector                   (a real server's words)
    │   └── SettingRefused     a flag, variable or key with a bad value   (exit status 2)
    ├── Unanswerable       a message that gets an error reply or silence
    │   ├── Ignored            no reply at all: a response, or too short to have an id
    │   └── ErrorReply         an rcode without an answer: FORMERR, NOTIMP, BADVERS
    ├── ApiTrouble         a Kubernetes API that cannot be asked now; wait and try again
    ├── ProviderTrouble    a DNS provider did not do it; what comes next is in `providers.base`
    │   ├── Throttled          too many calls; again after some seconds
    │   ├── ProviderAway       no answer, or a fault of its own; perhaps it was done
    │   ├── Outdated           the zone is not as it was read
    │   └── Rejected           it will never be done, for what it is
    └── OperatorNeeded     the machine says no: port in use, no permission, missing folder

`apiserver.refusals` has a Refused of its own, with the Status that the embedded API answers.
Every message names the thing and the way out.  Exceptions of libraries stop at our edge and
become the cause of one of these.
"""

from __future__ import annotations


class FeddnsError(Exception):
    """Anything feddns raises on purpose."""


class Refused(FeddnsError):
    """Input that cannot be used; the good input around it stays in force."""


class NameRefused(Refused):
    """Not a domain name."""


class ObjectRefused(Refused):
    """A Kubernetes object that cannot be used as it is."""


class DocumentRefused(Refused):
    """A document that does not parse.  `line` counts from 1 within the file."""

    def __init__(self, reason: str, line: int = 1) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


class SelectorRefused(Refused):
    """Text that is no selector; the words are those of a real kube-apiserver."""


class SettingRefused(Refused):
    """A setting outside its type or limits."""


class Unanswerable(FeddnsError):
    """A DNS message that is not answered with records."""


class Ignored(Unanswerable):
    """A message that must not be replied to (RFC 1035 §4.1.1: it is itself a response)."""


class ErrorReply(Unanswerable):
    """A message that gets a bare error reply with this rcode (extended rcodes included)."""

    def __init__(self, rcode: int, reason: str) -> None:
        super().__init__(reason)
        self.rcode = rcode


class ApiTrouble(FeddnsError):
    """A Kubernetes API gives no answer, or none that can be read; it is asked again."""


class ProviderTrouble(FeddnsError):
    """A DNS provider did not do what it was asked to.

    `done`: how many of the call's changes were done all the same, the first ones; None: not known.
    """

    done: int | None = None


class Throttled(ProviderTrouble):
    """Too many calls.  `after`: seconds until the next may be made."""

    def __init__(self, reason: str, after: float = 1.0) -> None:
        super().__init__(reason)
        self.after = after


class ProviderAway(ProviderTrouble):
    """No answer, or a fault of the provider's own: what was asked may have been done."""


class Outdated(ProviderTrouble):
    """The zone is not as it was read; nothing of the change was done."""


class Rejected(ProviderTrouble):
    """The provider refuses it, in its own words; nothing of it was done."""


class OperatorNeeded(FeddnsError):
    """The surroundings do not allow it; the message says what to change."""
