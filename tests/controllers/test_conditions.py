"""How the controllers speak."""

from __future__ import annotations

from controllers import conditions
from controllers.world import Apply, Delete, Patch, Trouble
from tests.controllers.fake import key_of


def test_operations_say_what_they_are() -> None:
    key = key_of("ConfigMap shop/c")
    told = [
        conditions.done(Apply("eu", key, {}, is_new=True)),
        conditions.done(Patch("eu", key, {})),
        conditions.done(Delete("eu", key, "uid")),
        conditions.failed(Apply("eu", key, {}), conditions.trouble("Forbidden", "no\n  way")),
    ]
    assert [(one.type, one.reason, one.message) for one in told] == [
        ("Normal", "CreateInCluster", "created in cluster eu"),
        ("Normal", "UpdateInCluster", "updated in cluster eu"),
        ("Normal", "DeleteInCluster", "deleted in cluster eu"),
        ("Warning", "UpdateInClusterFailed", "not updated in cluster eu: no way"),
    ]


def test_a_note_that_somebody_broke_is_written_anew() -> None:
    for broken in ("", "[", "[]", '{"clusters": 1}'):
        assert conditions.parse(broken) == conditions.Note()
    note_ = conditions.Note("e", {"eu": Trouble("r", "m")})
    assert conditions.parse(note_.to_annotation()) == note_


def test_an_event_tells_what_is_new() -> None:
    key = key_of("ConfigMap shop/c")
    eu, us = Trouble("Forbidden", "no"), Trouble("Invalid", "bad")
    before = conditions.Note("", {"eu": eu}).to_annotation()
    told = conditions.Note("", {"eu": eu, "us": us}).told(key, before)
    assert (told.reason, told.message) == ("Invalid", "cluster us: bad")
    fewer = conditions.Note("", {"us": us}).told(key, conditions.Note("e").to_annotation())
    assert (fewer.reason, fewer.message) == ("Invalid", "cluster us: bad")


def test_messages_are_cut() -> None:
    assert len(conditions.trouble("Invalid", "x" * 5000).message) == 400
