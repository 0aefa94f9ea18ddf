import pytest

from relumix.color.spaces import working_space
from relumix.movie.colour import Colour

NAMED = [
    ((1, 1, 1), "Rec.1886 Rec.709 - Display"),
    ((2, 1, 2), "Rec.1886 Rec.709 - Display"),
    ((6, 6, 6), "Rec.1886 Rec.709 - Display"),
    ((1, 13, 1), "sRGB - Display"),
    ((12, 13, 1), "Display P3 - Display"),
    ((9, 16, 9), "Rec.2100-PQ - Display"),
    ((2, 16, 9), "Rec.2100-PQ - Display"),
    ((9, 18, 9), "Rec.2100-HLG - Display"),
    ((1, 8, 1), "Linear Rec.709 (sRGB)"),
    ((2, 2, 1), None),
    ((9, 14, 9), None),
]


@pytest.mark.parametrize(("tags", "name"), NAMED)
def test_tags_name_spaces_that_the_configuration_has(tags, name):
    assert Colour(*tags).space == name
    if name:
        assert working_space(name).linear is not None


@pytest.mark.parametrize("name", sorted({name for _, name in NAMED if name}))
def test_spaces_have_tags(name):
    assert Colour.of_space(name).space == name


def test_words():
    assert str(Colour()) == "not tagged"
    assert str(Colour(9, 18, 9)) == "primaries BT.2020, transfer HLG, matrix BT.2020"
    assert str(Colour(22, 2, 2)) == "primaries 22"
    assert Colour.of_space("ARRI LogC4") == Colour.of_space(None) == Colour()
