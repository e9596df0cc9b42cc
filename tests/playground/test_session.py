"""Where a playground is put, and what is left of one that is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from feddns.errors import OperatorNeeded, SettingRefused
from feddns.playground import control, session
from feddns.playground.session import Asked
from tests.playground.running import OTHER


@pytest.mark.parametrize("network", ["127.1", "127.9", "127.240"])
def test_a_network(network: str) -> None:
    assert f"127.{session._base(network)}" == network


@pytest.mark.parametrize(
    "network", ["127.0", "127.241", "127.010", "127.²", "127.1.2", "127.", "128.1", "x127.1"]
)
def test_no_network(network: str) -> None:
    with pytest.raises(SettingRefused, match=r"must be 127\.1 to 127\.240"):
        session._base(network)


def test_the_first_that_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = ["127.10", "127.30"]
    monkeypatch.setattr(control, "names", lambda: taken)
    assert session._base("") == 20
    taken += [f"127.{base}" for base in range(20, 100, 10)]
    with pytest.raises(OperatorNeeded, match="--network takes another"):
        session._base("")


def test_what_is_refused_leaves_no_folder(tmp_path: Path) -> None:
    async def beside_another() -> None:
        server = await control.serve(f"127.{OTHER}", lambda _: asyncio.sleep(0, ""))
        try:
            await session.run(Asked(network=f"127.{OTHER}", keep=tmp_path / "kept"))
        finally:
            server.close()

    with pytest.raises(OperatorNeeded, match="another playground is on"):
        asyncio.run(beside_another())
    assert not (tmp_path / "kept").exists()


def test_what_is_not_kept_is_gone(tmp_path: Path) -> None:
    with session._folder(None) as folder:
        (folder / "logs").mkdir()
        (folder / "logs" / "one").touch()
    assert not folder.exists()
    with session._folder(tmp_path) as folder:
        assert folder == tmp_path
    assert folder.exists()
