from fractions import Fraction

import av
import numpy as np
import pytest

from relumix.errors import InputError
from relumix.preview.movie import BAR_HEIGHT_PX, Movie


def decode(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        return stream, [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]


def flat(value, height=48, width=96):
    return np.broadcast_to(np.float32(value), (height, width, 3)).copy()


def test_plate_and_result_are_beside_each_other_in_true_colours(tmp_path):
    path = tmp_path / "a.mp4"
    with Movie(path, fps=25, exposure=1.0) as movie:
        for frame in range(1001, 1004):
            movie.add(frame, flat([0.5, 0.1, 0.02]), flat([0.02, 0.1, 0.5]))
    stream, frames = decode(path)
    assert len(frames) == 3
    assert stream.average_rate == 25
    assert frames[0].shape == (48 + BAR_HEIGHT_PX, 192, 3)
    np.testing.assert_allclose(frames[2][4:44, 4:92].mean((0, 1)), [188, 89, 39], atol=4)
    np.testing.assert_allclose(frames[2][4:44, 100:188].mean((0, 1)), [39, 89, 188], atol=4)


def test_colours_are_tagged_and_the_index_leads_the_file(tmp_path):
    path = tmp_path / "a.mp4"
    with Movie(path, exposure=1.0) as movie:
        movie.add(1, flat(0.18), flat(0.18))
    stream, _ = decode(path)
    context = stream.codec_context
    assert (context.color_primaries, context.color_trc, context.colorspace) == (1, 13, 1)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_wide_plates_lie_above_each_other(tmp_path):
    with Movie(tmp_path / "a.mp4", exposure=1.0) as movie:
        movie.add(1, flat(0.18, 500, 2000), flat(0.36, 500, 2000))
    _, (frame,) = decode(tmp_path / "a.mp4")
    assert frame.shape == (480 * 2 + BAR_HEIGHT_PX, 1920, 3)
    assert frame[200].mean() < frame[700].mean()


@pytest.mark.parametrize(("height", "width"), [(11, 7), (2160, 4096), (1556, 911), (1081, 1921)])
def test_sizes_are_even_and_bounded(tmp_path, height, width):
    with Movie(tmp_path / "a.mp4", exposure=1.0) as movie:
        movie.add(1, flat(0.18, height, width), flat(0.18, height, width))
    _, (frame,) = decode(tmp_path / "a.mp4")
    assert frame.shape[0] % 2 == frame.shape[1] % 2 == 0
    assert frame.shape[0] <= 1080
    assert frame.shape[1] <= 1920


def test_anamorphic_plates_are_shown_in_their_true_shape(tmp_path):
    with Movie(tmp_path / "a.mp4", exposure=1.0, pixel_aspect=2.0) as movie:
        movie.add(1, flat(0.18, 100, 100), flat(0.18, 100, 100))
    _, (frame,) = decode(tmp_path / "a.mp4")
    assert frame.shape == (100 + BAR_HEIGHT_PX, 400, 3)


def test_the_first_plate_sets_the_exposure_of_all(tmp_path):
    with Movie(tmp_path / "a.mp4") as movie:
        movie.add(1, flat(0.018), flat(0.018))
        movie.add(2, flat(0.036), flat(0.018))
    _, frames = decode(tmp_path / "a.mp4")
    assert frames[0][20, 40].mean() == pytest.approx(118, abs=4)
    assert frames[1][20, 40].mean() == pytest.approx(162, abs=4)


def test_film_rates_are_kept(tmp_path):
    with Movie(tmp_path / "a.mp4", fps=Fraction(24000, 1001)) as movie:
        movie.add(1, flat(0.18), flat(0.18))
        movie.add(2, flat(0.18), flat(0.18))
    stream, _ = decode(tmp_path / "a.mp4")
    assert stream.average_rate == Fraction(24000, 1001)


def test_no_frames_make_no_file_and_a_failure_leaves_none(tmp_path):
    Movie(tmp_path / "a.mp4").close()

    def fail():
        with Movie(tmp_path / "a.mp4") as movie:
            movie.add(1, flat(0.18), flat(0.18))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_frames_after_the_end_are_refused(tmp_path):
    movie = Movie(tmp_path / "a.mp4")
    movie.close()
    with pytest.raises(ValueError, match=r"a\.mp4 is closed: frame 7 comes too late"):
        movie.add(7, flat(0.18), flat(0.18))


def test_a_folder_that_is_a_file_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"), Movie(tmp_path / "file" / "a.mp4") as movie:
        movie.add(1, flat(0.18), flat(0.18))
