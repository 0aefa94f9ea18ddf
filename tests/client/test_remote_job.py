from hypothesis import given
from hypothesis import strategies as st

from relumix.client.remote_job import batches
from relumix.engines.base import Windowing
from relumix.pipeline.windows import plan


@given(st.integers(1, 200), st.data())
def test_batches_are_all_frames_and_share_no_window(count, data):
    frames = list(range(1001, 1001 + count))
    references = sorted(data.draw(st.sets(st.sampled_from(frames), min_size=1, max_size=3)))
    wanted = sorted(data.draw(st.sets(st.sampled_from(frames), min_size=1)))
    planned = plan(frames, references, Windowing("1", 8, 2, tracks=True))
    cut = batches(planned, wanted)
    assert sorted(frame for batch in cut for frame in batch) == wanted
    for batch in cut:
        assert batch == sorted(batch)
        assert len({planned.shares[frame][0].window for frame in batch if frame in planned.shares}) <= 1
