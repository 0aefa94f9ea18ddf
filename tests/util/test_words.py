from relumix.util.words import first_of, number_of


def test_one_and_many() -> None:
    assert [number_of(count, "frame") for count in (0, 1, 2)] == ["0 frames", "1 frame", "2 frames"]


def test_of_many_the_first_are_named():
    assert first_of([], 2) == ""
    assert first_of([1001, 1002], 2) == "1001, 1002"
    assert first_of(["a", "b", "c", "d"], 2) == "a, b and 2 more"
