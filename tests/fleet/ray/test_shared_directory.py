"""The replicas that a cluster knows: none is lost with the actor that lists them, and none comes back from the dead."""

from __future__ import annotations

from dataclasses import replace

from livehead.fleet.ray.directory import MISSING_S, CopiedDirectory
from livehead.fleet.ray.shared_directory import SETTLING_S, SILENT_S, Report, Secrets, SharedDirectory
from livehead.fleet.reading import Reading

A = Report("a", "http://10.0.0.1:4000", "ready", "10.0.0.1", 0)
B = Report("b", "http://10.0.0.2:4000", "ready", "10.0.0.2", 0)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def names(directory: SharedDirectory) -> list[str]:
    return [each.name for each in directory.view().replicas]


def test_a_replica_that_is_silent_is_gone() -> None:
    clock = Clock()
    directory = SharedDirectory(clock)
    directory.report(A, None)
    clock.now += SILENT_S / 2
    directory.report(B, None)
    clock.now += SILENT_S / 2 + 0.1
    assert names(directory) == ["b"]
    assert directory.view().gone == {"a"}


def test_what_has_left_does_not_come_back_with_a_late_report() -> None:
    directory = SharedDirectory()
    directory.report(A, None)
    directory.leave("a")
    directory.leave("a")
    directory.report(A, None)
    assert names(directory) == []


def test_names_of_the_gone_are_bounded() -> None:
    directory = SharedDirectory()
    for number in range(3000):
        directory.leave(f"r{number}")
        directory.fail("no card")
    assert len(directory.view().gone) == len(directory.view().problems) == 1000


def test_replicas_of_one_machine_have_different_numbers() -> None:
    clock = Clock()
    directory = SharedDirectory(clock)
    assert [directory.claim("a", "n"), directory.claim("b", "n"), directory.claim("c", "other")] == [0, 1, 0]
    directory.report(replace(A, node="n", slot=0), None)
    directory.report(replace(B, node="n", slot=1), None)
    directory.leave("a")
    assert directory.claim("d", "n") == 0
    again = SharedDirectory(clock)
    again.report(replace(B, node="n", slot=1), None)
    assert [again.claim("e", "n"), again.claim("f", "n")] == [0, 2]


def test_secrets_are_made_once_and_survive_the_actor() -> None:
    clock = Clock()
    first = SharedDirectory(clock)
    assert first.share() is None, "replicas of a fleet that there is may know them"
    first.renew()
    made = first.share()
    assert made is not None
    first.renew()
    assert first.share() == made
    second = SharedDirectory(clock)
    second.report(A, made)
    assert second.share() == made
    third = SharedDirectory(clock)
    clock.now += SETTLING_S + 0.1
    assert third.share() not in (None, made)
    assert "lh_" not in repr(A)


def test_the_end_is_told_to_every_replica_and_can_be_taken_back() -> None:
    directory = SharedDirectory()
    assert directory.report(A, Secrets("k", "s")) is None
    directory.end(5.0)
    assert directory.report(A, None) == 5.0
    assert [each.state for each in directory.view().replicas] == ["draining"]
    directory.end(None)
    assert directory.report(A, None) is None
    assert [each.state for each in directory.view().replicas] == ["ready"]


def test_a_copy_outlives_an_actor_that_starts_anew() -> None:
    clock = Clock()
    shared, copy = SharedDirectory(clock), CopiedDirectory(clock)
    shared.report(A, None)
    shared.report(B, None)
    copy.renew(shared.view())
    copy.record("a", Reading(None, {"sessions": {"active": 3}}))
    clock.now += 10 * MISSING_S  # there is none meanwhile
    anew = SharedDirectory(clock)
    copy.renew(anew.view())
    clock.now += MISSING_S / 2
    anew.report(A, None)
    copy.renew(anew.view())
    found = copy.find("a")
    assert found is not None
    assert found.reading is not None
    assert found.reading.active == 3
    assert copy.find("b") is not None, "it may not have reported yet"
    clock.now += MISSING_S / 2 + 0.1
    copy.renew(anew.view())
    assert copy.find("b") is None


def test_a_copy_forgets_at_once_what_has_ended_and_sees_what_drains() -> None:
    shared, copy = SharedDirectory(), CopiedDirectory()
    shared.report(A, None)
    shared.report(B, None)
    copy.renew(shared.view())
    shared.leave("a")
    shared.report(replace(B, state="draining"), None)
    copy.renew(shared.view())
    assert [(each.name, each.state) for each in copy.replicas()] == [("b", "draining")]
