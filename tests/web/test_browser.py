"""The page in a real browser: headless Chromium, with no network but the page's own server.

`RELUMIX_PICTURES=docs/web pytest -m slow tests/web/test_browser.py` makes the pictures of docs/web.md.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.web.rig import depth_clip, make_clip

if TYPE_CHECKING:
    from playwright import sync_api

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PICTURES = os.environ.get("RELUMIX_PICTURES")
MOST_UPLOAD_BYTES = 4_000_000
JOB_MS = 180_000
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page in a process of its own, as the command starts it."""
    folder = tmp_path_factory.mktemp("page")
    make_clip(folder / "shots/sh010")
    (folder / "shots/cg").mkdir()
    depth_clip(folder / "shots/cg")
    limits = f"--max-upload-bytes={MOST_UPLOAD_BYTES}", "--max-jobs=2"
    with serving(folder, f"--root={folder / 'shots'}", *limits) as address:
        yield address


def started(folder: Path, *options: str) -> tuple[subprocess.Popen[str], str]:
    """Start `relumix web`, at a free port unless told otherwise; returns its process and address."""
    command = [sys.executable, "-m", "relumix.cli.main", "web", "--no-open", "--listen=127.0.0.1:0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder)
    assert process.stdout is not None
    return process, process.stdout.readline().split()[-1]


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[str]:
    """`relumix web` while something is done; yields its address."""
    process, address = started(folder, *options)
    try:
        yield address
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    reason = "Playwright is not installed: pip install playwright"
    playwright_sync = pytest.importorskip("playwright.sync_api", reason=reason)
    nowhere = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with playwright_sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", nowhere])
        yield browser
        browser.close()


Visit = Callable[..., "sync_api.Page"]


@pytest.fixture
def visit(browser: sync_api.Browser, address: str) -> Iterator[Visit]:
    """Opens the page for a new visitor. Whatever asks another host, or is an error in the browser, fails the test."""
    trouble: list[str] = []
    contexts = []
    known = [address, "blob:"]

    def asked(request: sync_api.Request) -> None:
        if not request.url.startswith(tuple(known)):
            trouble.append(f"asked {request.url}")

    def logged(message: sync_api.ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            trouble.append(message.text)

    def open_page(at: str = address, **options: object) -> sync_api.Page:
        known.append(at)
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("request", asked)
        page.on("console", logged)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.goto(at)
        page.wait_for_selector(".card img")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not trouble


@pytest.fixture
def files(tmp_path: Path) -> dict[int, Path]:
    return make_clip(tmp_path / "made", size=(160, 96))


def picture(page: sync_api.Page, name: str) -> None:
    """Keep a picture of the page for the documentation, where that is asked for."""
    if PICTURES:
        page.wait_for_function(
            "() => [...document.images].every((image) => image.complete || image.loading === 'lazy')"
        )
        page.wait_for_timeout(1500)  # what is lazy comes as it is seen
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(PICTURES) / f"{name}.jpg", type="jpeg", quality=88)


def drawn(page: sync_api.Page, kinds: str) -> None:
    """Wait until the viewer has drawn these kinds of picture."""
    page.wait_for_function("kinds => document.querySelector('.stage')?.dataset.drawn?.endsWith(kinds)", arg=kinds)


def pixels(page: sync_api.Page) -> str:
    """Return what is on the canvas, to be compared."""
    return page.evaluate("document.querySelector('.stage canvas').toDataURL()")


def uploaded(page: sync_api.Page, files: dict[int, Path]) -> None:
    page.set_input_files("#files", list(files.values()))
    page.wait_for_selector(".workbench")
    drawn(page, "plate")


def referenced(page: sync_api.Page, files: dict[int, Path], frame: int = 1001) -> None:
    """Upload a clip and a relit picture of a frame of it."""
    uploaded(page, files)
    relit = files[frame].parent / f"relit/relit.{frame}.exr"
    page.set_input_files("#reference-file", relit)
    page.wait_for_selector(".list li")


def set_number(page: sync_api.Page, name: str, value: str) -> None:
    page.get_by_role("spinbutton", name=f"{name}, as a number").fill(value)
    page.keyboard.press("Tab")


@contextmanager
def changes(page: sync_api.Page) -> Iterator[None]:
    """What is done within changes the picture."""
    before = pixels(page)
    yield
    page.wait_for_function("before => document.querySelector('.stage canvas').toDataURL() !== before", arg=before)


def fits(page: sync_api.Page) -> bool:
    """Tell whether nothing is wider than the page."""
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_two_clicks_to_a_relit_shot(visit: Visit):
    page = visit(color_scheme="dark")
    page.wait_for_load_state("networkidle")
    picture(page, "start")
    page.click("[data-example=shot]")
    page.click("#relight")
    page.wait_for_selector("#cancel")
    page.wait_for_selector(".cell.made", timeout=JOB_MS)
    picture(page, "relighting")
    page.wait_for_selector("#done", timeout=JOB_MS)
    assert page.locator(".cell.made").count() == 16
    assert page.get_by_role("button", name="Pause").is_visible()  # It plays by itself.
    page.keyboard.press("Space")
    page.get_by_role("button", name="Play").wait_for()
    page.get_by_text("would help most as another reference").wait_for(timeout=JOB_MS)
    page.keyboard.press("Home")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    drawn(page, "1005 plate result")
    page.wait_for_function("() => document.querySelector('.curves .line').getAttribute('d').split('L').length === 16")
    page.locator("#toast").wait_for(state="hidden")
    picture(page, "page")
    with changes(page):  # The wipe follows the mouse.
        box = page.locator(".stage").bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 50)
    page.get_by_role("button", name="All four").click()
    drawn(page, "plate result gain confidence")
    picture(page, "four")
    page.keyboard.press("l")
    least = page.locator(".frame").text_content()
    page.get_by_role("button", name="Add a reference here").click()
    page.get_by_role("heading", name=re.compile("Relight frame")).wait_for()
    assert least
    with page.expect_download() as download:
        page.get_by_role("button", name="Close").click()
        page.get_by_role("link", name="EXR, ZIP").click()
    assert download.value.suggested_filename == "Still_life-result.zip"
    assert page.locator("pre").text_content().startswith("relumix relight ")


def test_a_clip_is_uploaded_graded_painted_and_relit(visit: Visit, files: dict[int, Path]):
    page = visit()
    uploaded(page, files)
    page.keyboard.press("ArrowRight")
    drawn(page, "plate")
    with changes(page):
        page.click("#grade")
        set_number(page, "Exposure", "1")
    with changes(page):
        set_number(page, "Temperature", "-60")
    page.get_by_role("button", name="Brush", exact=True).click()
    box = page.locator(".stage").bounding_box()
    with changes(page):
        page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.6, steps=8)
        page.mouse.up()
    with changes(page):
        set_number(page, "Exposure", "3")
    with changes(page):
        page.get_by_role("button", name="Gradient", exact=True).click()
    page.get_by_role("button", name="Use as reference").click()
    page.get_by_text("graded here").wait_for()
    drawn(page, "plate reference")
    page.get_by_role("button", name="Beside").click()
    page.get_by_role("button", name="Change").click()  # The grade is as it was left.
    assert page.get_by_role("group", name="What is graded").get_by_role("button").count() == 3
    page.keyboard.press("Escape")
    page.click("#relight")
    page.wait_for_selector("#done", timeout=JOB_MS)
    assert page.locator(".cell.made").count() == 4


def test_a_job_is_cancelled_and_gone_on_with(visit: Visit, files: dict[int, Path]):
    page = visit()
    referenced(page, files)
    page.click("#relight")
    page.click("#cancel")
    page.get_by_text("Cancelled:").wait_for(timeout=JOB_MS)
    page.get_by_role("button", name="Go on").click()
    page.wait_for_selector("#done", timeout=JOB_MS)


def test_a_page_that_is_loaded_anew_finds_its_job(visit: Visit, files: dict[int, Path]):
    page = visit()
    referenced(page, files)
    page.click("#relight")
    page.wait_for_selector("#cancel")
    page.reload()
    page.wait_for_selector(".workbench")
    page.wait_for_selector("#done", timeout=JOB_MS)
    assert page.locator(".cell.made").count() == 4
    page.reload()
    page.wait_for_selector("#done")


def test_two_visitors_at_once(visit: Visit, files: dict[int, Path]):
    pages = [visit(), visit()]
    for page in pages:
        referenced(page, files)
    for page in pages:
        page.click("#relight")
    for page in pages:
        page.wait_for_selector("#done", timeout=JOB_MS)
        assert page.locator(".tab").count() == 1


def test_what_cannot_be_opened_is_said(visit: Visit, tmp_path: Path):
    page = visit()
    broken, large = tmp_path / "broken.1001.exr", tmp_path / "large.1001.exr"
    broken.write_bytes(b"\x76\x2f\x31\x01" + b"nonsense" * 100)
    large.write_bytes(bytes(MOST_UPLOAD_BYTES + 1))
    trouble = page.locator(".drop [role=alert]")
    page.set_input_files("#files", broken)
    page.wait_for_function("() => document.querySelector('.drop [role=alert]').textContent.includes('broken.1001.exr')")
    page.set_input_files("#files", large)
    page.wait_for_function(
        "document.querySelector('.drop [role=alert]').textContent.includes('this page takes up to 4 MB')"
    )
    page.evaluate(
        "() => import('/static/api.js')"
        ".then(({put}) => put('api/uploads/x/large.exr', new Blob([new Uint8Array(4000001)])))"
        ".catch((error) => (window.said = error.message))"
    )
    page.wait_for_function("() => window.said")
    assert page.evaluate("() => window.said") in (
        "large.exr is larger than the 4 MB that may come",
        "the file could not be sent: it may be too large",  # The server hangs up on what it does not read.
    )
    assert trouble.is_visible()
    assert page.locator(".workbench").count() == 0


def test_a_clip_under_a_root_is_opened(visit: Visit):
    page = visit()
    page.get_by_role("button", name="shots/").click()
    page.get_by_role("button", name="sh010/").click()
    page.get_by_role("button", name="plate.####.exr").click()
    page.wait_for_selector(".workbench")
    drawn(page, "plate")


def test_lamps_are_placed_and_light_is_taken_of_a_picture(visit: Visit, files: dict[int, Path]):
    page = visit()
    page.get_by_role("button", name="shots/").click()
    page.get_by_role("button", name="cg/").click()
    page.get_by_role("button", name="cg.####.exr").click()
    page.wait_for_selector(".workbench")
    page.get_by_role("button", name="Place lamps …").click()
    page.get_by_text("no header says what the lens saw").wait_for()
    page.get_by_role("spinbutton", name="Angle across the frame, in degrees").fill("50")
    page.get_by_text("lights.json", exact=True).click()
    rig = page.get_by_role("textbox", name="Lamps, as JSON")
    rig.fill("{")
    page.locator(".editor [role=alert]").get_by_text("That is no rig").wait_for()
    rig.fill('{"keep": 0.5, "lights": []}')
    page.get_by_role("button", name="+ Lamp").click()
    page.get_by_role("group", name="Position").wait_for()
    position = page.get_by_role("spinbutton", name="Position, x")
    before = position.input_value()
    box = page.locator(".stage").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5)  # It stands before what is there.
    page.wait_for_function("x => document.querySelector('[aria-label=\"Position, x\"]').value !== x", arg=before)
    assert float(position.input_value()) < float(before)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save lights.json").click()
    saved = json.loads(Path(download.value.path()).read_text())
    assert (saved["keep"], [light["type"] for light in saved["lights"]]) == (0.5, ["point"])
    page.get_by_label("Show the shape that light falls on").check()
    page.get_by_text("the shape: red faces right").wait_for()
    page.get_by_role("button", name="Make the reference").click()
    page.locator(".list li").get_by_text("lamps").wait_for()
    drawn(page, "1001 plate reference")
    page.keyboard.press("End")
    page.set_input_files("#match-file", files[1001].parent / "relit/relit.1001.exr")
    page.locator(".list li").get_by_text("light of relit.1001.exr").wait_for()
    drawn(page, "1004 plate reference")
    page.get_by_role("button", name="Place lamps …").click()
    page.keyboard.press("Escape")
    page.wait_for_selector("#relight")


def test_a_reference_is_made_by_words(visit: Visit, files: dict[int, Path], words_model: Path, tmp_path: Path):
    with serving(tmp_path, f"--words-model={words_model}") as address:
        words_are_taken(visit(address), files, words_model)


def words_are_taken(page: sync_api.Page, files: dict[int, Path], words_model: Path) -> None:
    uploaded(page, files)
    page.get_by_role("button", name="By words …").click()
    page.get_by_role("textbox", name="What the light is to be").fill("a low sun")
    page.get_by_role("spinbutton", name="Seed").fill("5")
    page.get_by_role("button", name="Make the reference").click()
    page.get_by_role("progressbar", name="Lighting by words, frame 1001").wait_for()
    page.click("#stop")  # Nothing is left of it, and the words stay.
    page.get_by_role("progressbar", name="Lighting by words, frame 1001").wait_for(state="hidden")
    assert page.get_by_role("textbox", name="What the light is to be").input_value() == "a low sun"
    page.get_by_role("button", name="Make the reference").click()
    page.locator(".list li").get_by_text("by words").wait_for(timeout=JOB_MS)
    drawn(page, "1001 plate reference")
    index = words_model / "model_index.json"
    index.rename(words_model / "kept")
    try:
        page.get_by_role("button", name="Change the reference of frame 1001").click()
        page.get_by_role("button", name="Make the reference").click()
        page.locator(".side [role=alert]").get_by_text("has no model_index.json").wait_for(timeout=JOB_MS)
    finally:
        (words_model / "kept").rename(index)
    page.get_by_role("button", name="Dismiss").click()
    page.locator(".side [role=alert]").wait_for(state="hidden")


def test_a_movie_is_made_and_taken_home(visit: Visit, files: dict[int, Path]):
    page = visit()
    referenced(page, files)
    page.dblclick("#relight")
    page.wait_for_selector("#done", timeout=JOB_MS)
    with page.expect_download(timeout=JOB_MS) as download:
        page.get_by_role("button", name="Movie", exact=True).dblclick()
        assert page.locator("#toast").is_hidden()  # a second click asks for nothing
        page.get_by_role("progressbar", name="Making a movie").wait_for()
        assert page.locator("#relight").is_disabled()
    assert download.value.suggested_filename == "plate-relit.mov"
    with page.expect_download() as download:  # It is there already.
        page.get_by_role("link", name="Movie", exact=True).click()
    assert Path(download.value.path()).stat().st_size > 1000


def test_two_tabs_show_the_same(visit: Visit, files: dict[int, Path]):
    page = visit()
    uploaded(page, files)
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector(".workbench")
    page.click("#grade")
    page.get_by_role("button", name="Use as reference").click()
    other.get_by_text("graded here").wait_for()
    other.click("#relight")
    page.wait_for_selector("#done", timeout=JOB_MS)
    page.get_by_role("button", name="Close").click()
    other.get_by_text("plate.####.exr is no longer here").wait_for()
    assert other.locator(".tab").count() == 0


def test_a_page_whose_server_was_killed_says_so_and_begins_anew(browser: sync_api.Browser, tmp_path: Path):
    (tmp_path / "held").mkdir()
    process, address = started(tmp_path, f"--folder={tmp_path / 'held'}")
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(address)
        page.click("[data-example=shot]")
        page.click("#relight")
        page.wait_for_selector("#cancel")
        process.kill()
        process.wait()
        (left,) = (tmp_path / "held").iterdir()
        page.get_by_text("the server does not answer").wait_for()
        process, _ = started(tmp_path, f"--folder={tmp_path / 'held'}", f"--listen={address.split('/')[2]}")
        page.get_by_text("Still life is no longer here").wait_for()
        assert not left.exists()
        page.click("[data-example=shot]")
        page.wait_for_selector(".workbench")
    finally:
        context.close()
        process.terminate()
        assert process.wait(30) == 0


def test_a_token_lets_in(browser: sync_api.Browser, tmp_path: Path):
    (tmp_path / "tokens").write_text("correct horse battery\n")
    with serving(tmp_path, "--token-file=tokens") as address:
        page = browser.new_context().new_page()
        page.goto(address)
        page.get_by_label("Token").fill("a wrong one")
        page.get_by_role("button", name="Come in").click()
        page.get_by_text("that is no token of this page").wait_for()
        page.get_by_label("Token").fill("correct horse battery")
        page.keyboard.press("Enter")
        page.wait_for_selector(".card img")
        page.reload()
        page.wait_for_selector(".card img")
        other = browser.new_context().new_page()
        other.goto(f"{address}#token=correct%20horse%20battery")
        other.wait_for_selector(".card img")
        assert "horse" not in other.url
        for each in (page, other):
            each.context.close()


def test_by_keyboard_alone(visit: Visit, files: dict[int, Path]):
    page = visit()
    page.locator("[data-example=crates]").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".workbench")
    drawn(page, "plate reference")
    page.keyboard.press("Home")
    page.keyboard.press("1")
    drawn(page, "plate")
    with changes(page):
        page.keyboard.press("]")
    page.keyboard.press("r")
    page.wait_for_function("() => document.querySelector('.frame').textContent === '1010'")
    page.keyboard.press("Home")
    page.keyboard.press("g")
    page.get_by_role("heading", name="Relight frame 1001").wait_for()
    for _ in range(60):  # Tab leads to every control.
        if page.evaluate("document.activeElement.textContent") == "Brush":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator(".stage").focus()
    with changes(page):
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Space")
    page.keyboard.press("Escape")
    page.wait_for_selector("#relight")
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for(state="detached")


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_on_a_phone(visit: Visit, scheme: str):
    page = visit(**PHONE, color_scheme=scheme)
    assert fits(page)
    page.tap("[data-example=crates]")
    page.wait_for_selector(".workbench")
    drawn(page, "plate reference")
    assert fits(page)
    picture(page, f"phone-{scheme}")
    with changes(page):
        box = page.locator(".stage").bounding_box()
        page.touchscreen.tap(box["x"] + box["width"] * 0.2, box["y"] + 40)
    page.get_by_role("button", name="Grade 1010 anew").tap()
    page.get_by_role("button", name="Spot").tap()
    assert fits(page)
    page.get_by_role("button", name="Close").tap()
    page.wait_for_selector("#relight")


def test_grading_looks_like_this(visit: Visit):
    page = visit(color_scheme="light")
    page.click("[data-example=crates]")
    drawn(page, "plate reference")
    page.keyboard.press("Home")
    page.click("#grade")
    set_number(page, "Exposure", "-1.5")
    set_number(page, "Temperature", "-80")
    with changes(page):
        page.get_by_role("button", name="Spot").click()
        set_number(page, "Exposure", "2.5")
    page.get_by_role("button", name="Brush", exact=True).click()
    box = page.locator(".stage").bounding_box()
    with changes(page):
        page.mouse.move(box["x"] + 180, box["y"] + 420)
        page.mouse.down()
        page.mouse.move(box["x"] + 360, box["y"] + 330, steps=8)
        page.mouse.up()
    page.wait_for_timeout(500)
    picture(page, "grade")
    page.get_by_role("button", name="Dark or light").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_lamps_look_like_this(visit: Visit):
    page = visit(color_scheme="dark")
    page.click("[data-example=shot]")
    page.get_by_role("button", name="Lamps at 1001 …").click()
    drawn(page, "1001 plate")
    page.get_by_role("button", name="lamp 1").wait_for()
    page.get_by_role("button", name="+ Spot").click()
    page.get_by_role("button", name="Spot 4").wait_for()
    before = page.get_by_role("spinbutton", name="Shines at, x").input_value()
    box = page.locator(".stage").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.8)  # the ball
    page.wait_for_function("x => document.querySelector('[aria-label=\"Shines at, x\"]').value !== x", arg=before)
    page.mouse.move(0, 0)
    picture(page, "lamps")
    with changes(page):  # By keyboard: beside, and nearer.
        page.locator(".stage").focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Lamps at 1001 …").or_(page.get_by_role("button", name="Place lamps …")).click()
    page.get_by_role("button", name="Spot 4").wait_for()  # What was placed is still there.
