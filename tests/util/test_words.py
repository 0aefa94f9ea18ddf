from relumix.util.words import number_of


def test_one_and_many() -> None:
    assert [number_of(count, "frame") for count in (0, 1, 2)] == ["0 frames", "1 frame", "2 frames"]
