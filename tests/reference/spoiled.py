"""Pictures as image models give them back: a relit plate, softened, moved, warped, with other content."""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio

from relumix.color.rec709 import LUMINANCE, srgb_encode
from relumix.gain.log_gain import BLACK_OFFSET, MID_GREY
from relumix.reference.text.display import Display, quantized
from relumix.reference.text.extraction import EditedLight, light_of
from relumix.types import Float32

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/shot"
OFFSET = np.float32(BLACK_OFFSET)

Spoil = Callable[[Float32, np.random.Generator], Float32]


def soft(lit, random):
    return cv2.GaussianBlur(lit, (0, 0), 1.5)


def shifted(lit, random):
    way = np.float32([[1, 0, 1], [0, 1, 1]])
    return cv2.warpAffine(lit, way, lit.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


def warped(lit, random):
    """Move every 16 pixels by one, in any direction."""
    height, width = lit.shape[:2]
    small = random.normal(size=(height // 16 + 2, width // 16 + 2, 2)).astype(np.float32)
    moved = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    way = columns + moved[..., 0], rows + moved[..., 1]
    return np.maximum(cv2.remap(lit, *way, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), 0)


def _turned(lit, times):
    """Turn a part of the picture upside down."""
    height, width = lit.shape[:2]
    rows, columns = times * (height // 6), times * (width // 8)
    part = slice(height // 3, height // 3 + rows), slice(width // 3, width // 3 + columns)
    out = lit.copy()
    out[part] = lit[part][::-1, ::-1]
    return out


def face(lit, random):
    return _turned(lit, 1)


def large_part(lit, random):
    return _turned(lit, 3)


def all_of_it(lit, random):
    for each in (soft, shifted, warped, face):
        lit = each(lit, random)
    return lit


SPOILS: dict[str, Spoil] = {
    "as it is": lambda lit, random: lit,
    "softened": soft,
    "shifted by a pixel": shifted,
    "warped": warped,
    "a face changed": face,
    "a large part changed": large_part,
    "softened, shifted, warped and a face changed": all_of_it,
}


def small(path: Path, long_edge: int = 640) -> Float32:
    pixels = np.asarray(oiio.ImageBuf(str(path)).get_pixels("float"))[..., :3]
    scale = min(1.0, long_edge / max(pixels.shape[:2]))
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)


def pairs(folders: list[tuple[Path, Path]], at: int = 0) -> Iterator[tuple[Float32, Float32]]:
    """Yield a plate's frame, exposed to mid-grey, and its truth under another light."""
    for source, truth in folders:
        plate, lit = (small(sorted(folder.glob("*.exr"))[at]) for folder in (source, truth))
        exposure = np.float32(MID_GREY / np.median(plate @ LUMINANCE))
        yield np.maximum(plate * exposure, 0), np.maximum(lit * exposure, 0)


def psnr(plate: Float32, stops: Float32, lit: Float32) -> float:
    """Return that of the plate under a gain against its truth, as a display shows both, in dB."""
    result = np.maximum((plate + OFFSET) * np.exp2(stops) - OFFSET, 0)
    scale = 0.8 / np.percentile(lit, 97)
    shown = [srgb_encode(np.clip(each * scale, 0, 1)) for each in (result, lit)]
    return float(-10 * np.log10(np.mean(np.square(shown[0] - shown[1]))))


def measured(plate: Float32, lit: Float32, spoil: Spoil) -> tuple[EditedLight, float, float]:
    """Return the light that is taken over, its PSNR, and that of the plain ratio."""
    display = Display.of(plate)
    picture = quantized(display.encode(spoil(lit, np.random.default_rng(1))))
    found = light_of(plate, picture, display)
    ratio = np.log2((display.decode(picture) + OFFSET) / (plate + OFFSET))
    return found, psnr(plate, found.gain_stops, lit), psnr(plate, ratio, lit)
