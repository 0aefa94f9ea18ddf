"""Small shots, and a tiny model run on them."""

from relumix.pipeline.arrays import relit
from relumix.settings import Settings
from tests.synthetic import make_shot, shadow_light

QUICK = ("steps=1", "windows=anchored", "window=4", "overlap=1")


def run(model, shot, references, *options, **settings):
    """Relight a shot by some of its true frames; returns what became of each frame."""
    chosen = Settings(engine="svd", model=model, work_size=64, engine_options=(*QUICK, *options), **settings)
    return {f.frame: f for f in relit(shot.plate, {r: shot.truth[r] for r in references}, chosen)}


def small_shot(frames=8):
    return make_shot(size=(48, 32), frames=range(1001, 1001 + frames), light=shadow_light(20))
