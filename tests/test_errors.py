"""The tree of errors is the one its docstring draws."""

import inspect
import re

from feddns import errors


def test_the_drawing_is_the_tree() -> None:
    drawn: dict[str, str] = {}
    above = [(-1, "Exception")]
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"([\s│├└─]*)([A-Z]\w+)(?:\s{2,}|$)", line)
        if match is None:
            continue
        depth = len(match[1])
        while above[-1][0] >= depth:
            above.pop()
        drawn[match[2]] = above[-1][1]
        above.append((depth, match[2]))
    made = {
        name: kind.__bases__[0].__name__
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__ == "feddns.errors"
    }
    assert drawn == made
