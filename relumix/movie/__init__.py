"""Movies as frames by number: reading them, writing them, and what their tags say.

    with Movie(Path("clip.mov")) as movie:
        movie.info.frames            # range of frame numbers: from the time code, or from 1
        rgb = movie.read(86400)      # [h, w, 3 or 4] float32, as coded: 0 is black and 1 white
        space = working_space(movie.info.colour.space)  # relumix.color.spaces: coded values to linear and back
        linear = space.to_linear(rgb[..., :3])

    path = Path("relit.mov")
    with MovieWriter(path, Form.like(movie.info, path, "prores4444"), sound=SoundTrack(movie)) as writer:
        for rgb in frames:           # coded, as `read` returns it
            writer.add(rgb)          # clipped pixels are counted in writer.clipped_pixels

A Movie may be used from several threads. It raises InputError where a file cannot be opened, and FrameError for a frame
that cannot be read. Needs the package av, which comes with the extra [local].
"""

from relumix.movie.codecs import CODECS
from relumix.movie.info import MovieInfo
from relumix.movie.movie import Movie
from relumix.movie.sound import SoundTrack
from relumix.movie.writer import Form, MovieWriter

__all__ = ["CODECS", "Form", "Movie", "MovieInfo", "MovieWriter", "SoundTrack"]
