"""The authority, and what it signs."""

from __future__ import annotations

import datetime
import ipaddress

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from feddns.apiserver import certificates

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@pytest.mark.parametrize("name", ["us", "x" * 64, "ü" * 40, ""])
def test_an_authority_has_a_name_however_long(name: str) -> None:
    made = x509.load_pem_x509_certificate(certificates.authority(name, NOW).certificate)
    (shown,) = made.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert f"{name} authority".startswith(str(shown.value))
    assert len(str(shown.value)) > 9


def test_what_a_server_shows() -> None:
    authority = certificates.authority("us", NOW)
    pair = certificates.serving(authority, ["192.0.2.1", "2001:db8::1", "localhost"], NOW)
    made, signer = (x509.load_pem_x509_certificate(one.certificate) for one in (pair, authority))
    made.verify_directly_issued_by(signer)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("192.0.2.1"), ipaddress.ip_address("2001:db8::1"),
    ]  # fmt: skip
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    for one, is_authority, days in ((made, False, 365), (signer, True, 3650)):
        basic = one.extensions.get_extension_for_class(x509.BasicConstraints).value
        assert basic.ca is is_authority
        assert one.not_valid_before_utc == NOW - datetime.timedelta(hours=1)
        assert one.not_valid_after_utc == NOW + datetime.timedelta(days=days)
