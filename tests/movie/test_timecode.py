from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.movie.timecode import code_of, frame_of, packed

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("code", "rate", "frame"),
    [
        ("00:00:00:00", Fraction(24), 0),
        ("01:00:00:00", Fraction(24), 86400),
        ("01:00:00:00", Fraction(24000, 1001), 86400),
        ("10:00:00:12", Fraction(25), 900012),
        # SMPTE ST 12-1: 00:01:00;02 follows 00:00:59;29, and an hour of 29.97 has 107892 frames.
        ("00:00:59;29", NTSC, 1799),
        ("00:01:00;02", NTSC, 1800),
        ("01:00:00;00", NTSC, 107892),
        ("01:00:00;00", Fraction(60000, 1001), 215784),
    ],
)
def test_codes_and_frames(code, rate, frame):
    assert frame_of(code, rate) == frame
    assert code_of(frame, rate, drop=";" in code) == code


@given(st.integers(0, 2_589_407), st.sampled_from([(NTSC, True), (NTSC, False), (Fraction(25), False)]))
def test_every_frame_of_a_day_has_its_code(frame, kind):
    rate, drop = kind
    frame %= 24 * 3600 * (round(rate) if not drop else 1)
    assert frame_of(code_of(frame, rate, drop=drop), rate) == frame


def test_what_is_no_code():
    assert [frame_of(text, NTSC) for text in ("", "1:2", "noon", "00:00:00")] == [None] * 4


def test_words_of_openexr():
    assert packed("01:02:03:04") == (0x01020304, 0)
    assert packed("10:59:59;29") == (0x10595969, 0)  # the flag of dropped frames is bit 6
    assert packed("nothing") is None
