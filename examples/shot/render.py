"""Render the example shot: a plate under an overcast sky, and the same frames at sunset as its ground truth.

    pip install '.[dataset]'
    python examples/shot/render.py

Mitsuba also needs LLVM (Debian, Ubuntu: `apt-get install libllvm19`): the newest is taken that works with it, or what
DRJIT_LIBLLVM_PATH names. Frames that are there already are left alone, so a render that was stopped goes on where it
was; `--overwrite` renders them again. `--geometry 1001` writes geometry/ instead, what that frame shows, which
`relumix reference lights` puts light on.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from relumix.dataset import llvm
from relumix.errors import InputError

if __name__ == "__main__":  # before the next imports: Dr.Jit loads a libLLVM as it is imported
    try:
        llvm.use()
    except InputError as error:
        sys.exit(f"render.py: {error}")

import drjit
import fileseq
import geometry
import mitsuba as mi
import mitsuba_oidn
import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray
from scene import LIGHTS, Scene

Float32 = NDArray[np.float32]

FRAMES = fileseq.FrameSet("1001-1016")
FRAMES_PER_SECOND = 24
FOLDERS = {"overcast": "plate", "sunset": "truth"}
COMPRESSION = "dwaa:75"
REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
MID_GREY = 0.18

PATH_DEPTH = 5
PASSES = 8
GUIDE_SAMPLES = 64
FIREFLY = 4.0
LENS_PX = 0.7
GRAIN = 0.02
GRAIN_PX = 1.0


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns its exit status."""
    parser = argparse.ArgumentParser(description="Render the example shot, plate and ground truth.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="gets plate/ and truth/ (here)")
    parser.add_argument("--frames", type=fileseq.FrameSet, default=FRAMES, help=f"which frames ({FRAMES})")
    parser.add_argument("--spp", type=int, default=96, help="samples a pixel (96)")
    parser.add_argument("--size", type=_size, default=(640, 360), help="WIDTHxHEIGHT (640x360)")
    parser.add_argument("--overwrite", action="store_true", help="render frames again that are there already")
    parser.add_argument("--geometry", type=int, metavar="FRAME", help="write what that frame shows, and stop")
    parser.add_argument("--threads", type=int, help="threads to render with (one a core)")
    options = parser.parse_args(arguments)
    mi.set_variant("llvm_ad_rgb")
    if options.threads:
        drjit.set_thread_count(options.threads)
    if options.geometry is not None:
        write_geometry(options.out, options.geometry, options.size)
        return 0
    render(options.out, list(options.frames), options.spp, options.size, overwrite=options.overwrite)
    return 0


def render(out: Path, frames: list[int], spp: int, size: tuple[int, int], *, overwrite: bool = False) -> None:
    """Render and write the frames, plate and truth; those that are in `out` already only to overwrite them."""
    paths = {frame: {light: out / FOLDERS[light] / f"example.{frame:04d}.exr" for light in LIGHTS} for frame in frames}
    missing = [frame for frame in frames if overwrite or not all(path.exists() for path in paths[frame].values())]
    if not missing:
        return
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder))
        for frame in missing:
            clean = {
                light: develop(scene.at(_share(frame), light, size, PATH_DEPTH), spp, seed=frame) for light in LIGHTS
            }
            grain = film_grain(clean["overcast"], seed=frame)
            for light, path in paths[frame].items():
                write(path, clean[light] * grain, frame, f"relumix example shot, {FOLDERS[light]}: {light}")
            print(f"frame {frame} written", flush=True)


def write_geometry(out: Path, frame: int, size: tuple[int, int]) -> None:
    """Write the geometry of a frame."""
    with tempfile.TemporaryDirectory() as folder:
        geometry.write(Scene(Path(folder)).at(_share(frame), "overcast", size, PATH_DEPTH), out / "geometry", frame)


def _share(frame: int) -> float:
    """How much of the shot is over at a frame, 0..1."""
    return (frame - FRAMES.start()) / (FRAMES.end() - FRAMES.start())


def develop(scene: mi.Scene, spp: int, seed: int) -> Float32:
    """Render a scene without noise or fireflies, as soft as a lens would have it: [h, w, 3], scene-linear.

    Every pass that is far above the others at a pixel has met a firefly there, and counts no more than FIREFLY times
    their median. Open Image Denoise, guided by albedo and normals, takes out the noise that is left.
    """
    seeds = range(seed * PASSES, (seed + 1) * PASSES)
    passes = np.array([mi.render(scene, spp=max(spp // PASSES, 1), seed=seed) for seed in seeds], np.float32)
    colour = np.minimum(passes, FIREFLY * np.median(passes, axis=0) + 0.02 * MID_GREY).mean(axis=0)
    aovs = mi.load_dict({"type": "aov", "aovs": "albedo:albedo,normal:sh_normal"})
    albedo, normal = np.split(np.array(mi.render(scene, integrator=aovs, spp=GUIDE_SAMPLES, seed=seed)), 2, axis=-1)
    guides = np.ascontiguousarray(albedo), np.ascontiguousarray(normal)
    clean = mitsuba_oidn.denoise(colour, *guides, hdr=True, clean_aux=True)
    return np.maximum(blur(np.pad(clean, ((8, 8), (8, 8), (0, 0)), mode="edge"), LENS_PX)[8:-8, 8:-8], 0)


def film_grain(clean: Float32, seed: int) -> Float32:
    """What a clean frame [h, w, 3] is to be multiplied with to look as if shot on film: a field around 1.

    Its deviation is GRAIN at mid-grey and falls with the root of the light, as that of counted photons does. Half of
    it is common to the three layers, and blue has the most.
    """
    random = np.random.default_rng(seed)
    field = blur(random.standard_normal((*clean.shape[:2], 1)) + random.standard_normal(clean.shape), GRAIN_PX)
    strength = GRAIN * np.minimum(np.sqrt(MID_GREY / np.maximum(clean, 1e-6)), 3) * (0.9, 0.9, 1.3)
    return np.maximum(1 + strength * field / field.std(), 0.1).astype(np.float32)


def blur(image: NDArray[np.floating], deviation_px: float) -> Float32:
    """Gaussian blur of [h, w, n] that wraps at the borders."""
    down, across = (np.fft.fftfreq(n) for n in image.shape[:2])
    response = np.exp(-2 * (np.pi * deviation_px) ** 2 * (down[:, None] ** 2 + across**2))
    return np.fft.ifft2(np.fft.fft2(image, axes=(0, 1)) * response[..., None], axes=(0, 1)).real.astype(np.float32)


def write(path: Path, image: Float32, frame: int, comment: str) -> None:
    """Write [h, w, 3] as a half-float EXR, whole or not at all."""
    height, width = image.shape[:2]
    spec = oiio.ImageSpec(width, height, 3, "half")
    spec.attribute("compression", COMPRESSION)
    spec.attribute("chromaticities", oiio.TypeDesc("float[8]"), REC709)
    spec.attribute("FramesPerSecond", oiio.TypeDesc("rational"), (FRAMES_PER_SECOND, 1))
    spec.attribute("smpte:TimeCode", oiio.TypeDesc("timecode"), (timecode(frame), 0))
    spec.attribute("ImageDescription", comment)
    spec.attribute("Software", f"Mitsuba {mi.__version__}")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part.exr")
    output = oiio.ImageOutput.create(str(unfinished))
    if not (output and output.open(str(unfinished), spec) and output.write_image(image) and output.close()):
        raise OSError(f"{path} could not be written: {output.geterror() if output else oiio.geterror()}")
    unfinished.replace(path)


def timecode(frame: int) -> int:
    """SMPTE time of a frame number, counted from 00:00:00:00, as binary-coded decimals: 0xHHMMSSFF."""
    seconds, rest = divmod(frame, FRAMES_PER_SECOND)
    return int(f"{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}{rest:02d}", 16)


def _size(text: str) -> tuple[int, int]:
    width, height = text.split("x")
    return int(width), int(height)


if __name__ == "__main__":
    sys.exit(main())
