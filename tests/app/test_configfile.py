"""When a file counts as changed, in injected time."""

from __future__ import annotations

from pathlib import Path

from feddns.app.configfile import ConfigFile


def test_a_change_counts_when_it_looks_the_same_twice(tmp_path: Path) -> None:
    path = tmp_path / "feddns.toml"
    path.write_text("ttl = 5\n")
    file = ConfigFile(str(path))
    assert not file.has_changed(0.0)
    path.write_text("ttl = 50\n")
    assert not file.has_changed(0.5)  # too early to look again
    assert not file.has_changed(1.0)
    path.write_text("ttl = 500\n")  # whoever writes it was not done
    assert not file.has_changed(2.0)
    assert file.has_changed(3.0)
    file.note_read()
    assert not file.has_changed(4.0)


def test_links_are_followed(tmp_path: Path) -> None:
    """As a kubelet mounts a ConfigMap: file → ..data/file, ..data → a folder with a date."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "feddns.toml").write_text("ttl = 5\n")
    (tmp_path / "..data").symlink_to("one")
    path = tmp_path / "feddns.toml"
    path.symlink_to("..data/feddns.toml")
    file = ConfigFile(str(path))
    (tmp_path / "..new").symlink_to("two")
    (tmp_path / "..new").rename(tmp_path / "..data")
    assert not file.has_changed(1.0)
    assert file.has_changed(2.0)


def test_a_file_that_is_gone_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "feddns.toml"
    path.write_text("ttl = 5\n")
    file = ConfigFile(str(path))
    path.rename(tmp_path / "away")
    assert [file.has_changed(1.0), file.has_changed(2.0)] == [False, True]
    file.note_read()
    (tmp_path / "away").rename(path)
    assert [file.has_changed(3.0), file.has_changed(4.0)] == [False, True]


def test_no_file_never_changes() -> None:
    assert not ConfigFile("").has_changed(1.0)
