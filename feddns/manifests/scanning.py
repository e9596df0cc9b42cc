"""Which manifest files a folder holds.

Files are *.yaml, *.yml and *.json at any depth.  Names that begin with a dot are skipped; symbolic
links are followed, so that a mounted ConfigMap works (its files are links into `..data`); a
directory that is reached twice is read once, so that loops end.

This file reads directories, never files.  Called by `manifests.folder`.
"""

from __future__ import annotations

import contextlib
import os
from typing import NamedTuple

ENDINGS = (".yaml", ".yml", ".json")
Inode = tuple[int, int]


class Stamp(NamedTuple):
    """What tells one content of a file from another without reading it."""

    inode: Inode
    size: int
    changed: int
    modified: int


class Tree(NamedTuple):
    """A folder: its files, the directories to watch, and those that could not be read now.

    `directories` are those of the folder, and where links to files lead.
    """

    files: dict[str, Stamp]
    directories: dict[Inode, str]
    unreadable: list[str]

    def is_missing(self, path: str) -> bool:
        """Whether a file that was there is gone: it is not, in a directory that cannot be read."""
        return path not in self.files and not any(
            path.startswith(directory + os.sep) for directory in self.unreadable
        )


NOTHING = Tree({}, {}, [])


def scan(folder: str) -> Tree:
    """The folder as it is now.  Raises `OSError` if the folder itself cannot be read."""
    tree = Tree({}, {}, [])
    todo = [folder]
    while todo:
        directory = todo.pop()
        try:
            status = os.stat(directory)
            inode = (status.st_dev, status.st_ino)
            if inode in tree.directories and directory != folder:
                continue
            with os.scandir(directory) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            if directory == folder:
                raise
        except OSError:
            if directory == folder:
                raise
            tree.unreadable.append(directory)
        else:
            tree.directories[inode] = directory
            todo += reversed([entry.path for entry in entries if _look_at(entry, tree)])
    _add_targets(tree)
    return tree


def _look_at(entry: os.DirEntry[str], tree: Tree) -> bool:
    """Take a file into the tree; whether the entry is a directory to go on with."""
    if entry.name.startswith("."):
        return False
    with contextlib.suppress(OSError):  # gone since, or a link to nowhere
        if entry.is_dir():
            return True
        if entry.name.endswith(ENDINGS) and entry.is_file():
            tree.files[entry.path] = stamp_of(entry.stat())
    return False


def stamp_of(status: os.stat_result) -> Stamp:
    inode = (status.st_dev, status.st_ino)
    return Stamp(inode, status.st_size, status.st_ctime_ns, status.st_mtime_ns)


def _add_targets(tree: Tree) -> None:
    """The directories that links lead to: a file there may change and its link does not."""
    for path in tree.files:
        if os.path.islink(path):
            with contextlib.suppress(OSError):
                target = os.path.dirname(os.path.realpath(path))
                status = os.stat(target)
                tree.directories.setdefault((status.st_dev, status.st_ino), target)
