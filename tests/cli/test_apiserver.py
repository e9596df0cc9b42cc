"""`feddns apiserver`: what its flags mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from feddns.cli import apiserver
from feddns.errors import OperatorNeeded, SettingRefused


def test_ranges() -> None:
    assert apiserver._ranges("10.96.0.0/29") == ("10.96.0.0/29",)
    both = ("10.96.0.0/16", "2001:db8::/108")
    assert apiserver._ranges(" 10.96.0.0/16, 2001:db8::/108,") == both


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "one range, or one of each family"),
        ("10.96.0.0/16,10.97.0.0/16", "one range, or one of each family"),
        ("10.96.0.1/16", "has host bits set"),
        ("10.96.0.0/30", r"10\.96\.0\.0/30 has fewer than 8 addresses"),
        ("10.96.0.0/16,2001:db8::1/128", r"2001:db8::1/128 has fewer"),
    ],
)
def test_ranges_that_are_refused(text: str, words: str) -> None:
    with pytest.raises(SettingRefused, match=f"--service-cluster-ip-range: .*{words}"):
        apiserver._ranges(text)


def test_tokens() -> None:
    assert apiserver._tokens(("a=jane", "b=x=y")) == {"a": "jane", "b": "x=y"}
    for text in ("a", "=jane", "a="):
        with pytest.raises(SettingRefused, match="--token: not TOKEN=USER"):
            apiserver._tokens((text,))


def test_a_kubeconfig_is_its_owners_only(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text("old")
    path.chmod(0o644)
    (tmp_path / "kubeconfig.new").write_text("of a process that was killed")
    apiserver._write(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [path]
    path.unlink()
    path.mkdir()
    with pytest.raises(OperatorNeeded, match="Is a directory"):
        apiserver._write(path, "new")
