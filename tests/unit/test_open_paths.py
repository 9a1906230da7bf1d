"""Which paths are open when some are limited by the settings and some paused by an operator."""

from quel.core.open_paths import EveryPath, OnlyPaths, PathLimit, without_paused

KNOWN = {"beauty", "eats"}
LIMITED = OnlyPaths((PathLimit("beauty", 3),))


def test_without_a_pause_everything_stays_as_the_settings_say():
    assert without_paused(EveryPath(), frozenset(), KNOWN) == EveryPath()
    assert without_paused(LIMITED, frozenset(), KNOWN) == LIMITED


def test_a_paused_path_is_closed_and_the_others_stay_unlimited():
    assert without_paused(EveryPath(), {"eats"}, KNOWN) == OnlyPaths((PathLimit("beauty"),))


def test_a_limit_outlives_the_pause_of_another_path():
    assert without_paused(LIMITED, {"eats"}, KNOWN) == LIMITED


def test_a_pause_of_everything_leaves_no_path_open():
    assert without_paused(EveryPath(), {"*"}, KNOWN) == OnlyPaths(())
    assert without_paused(LIMITED, {"beauty"}, KNOWN) == OnlyPaths(())
