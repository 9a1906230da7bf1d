from quel.sandbox.gemini.quota import RollingWindow, as_duration


def test_no_more_than_the_limit_is_admitted_within_any_window():
    window = RollingWindow(limit=3)
    admitted = [now for now in range(0, 300, 7) if window.admit(now) == 0]
    assert len(admitted) > 3
    for start in range(300):
        assert sum(start <= now < start + 60 for now in admitted) <= 3


def test_a_refused_arrival_is_told_when_the_oldest_leaves_the_window():
    window = RollingWindow(limit=2)
    assert window.admit(0) == 0
    assert window.admit(10) == 0
    assert window.admit(15) == 45
    assert window.admit(59) == 1
    assert window.admit(60) == 0
    assert window.admit(60) == 10


def test_a_limit_of_nothing_admits_nothing():
    assert RollingWindow(limit=0).admit(5) == 60


def test_a_delay_is_rounded_up_so_that_who_obeys_it_is_not_early():
    assert as_duration(44.2) == "45s"
    assert as_duration(3.0) == "3s"
