"""Requests of other sites, of other hosts and of people without the token are refused before anything is looked at."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from relumix.web.guard import HEADERS, Guard
from relumix_server.workers import Workers
from tests.web.rig import ADDRESS, Rig, said

STATIC = Path(str(files("relumix.web"))) / "static"
FOREIGN = "requests from other sites are refused"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:7860", "[", ""])
def test_a_name_that_leads_here_from_elsewhere_is_refused(rig: Rig, host: str):
    assert said(rig.visitor(Host=host).get("/api/state")) == (421, "this page is not the one of that host")


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "[::1]:7860"])
def test_loopback_has_several_names(rig: Rig, host: str):
    assert rig.visitor(Host=host).get("/api/state").status_code == 200


def test_the_address_that_it_listens_at_is_its_own(workers: Workers, tmp_path: Path):
    with Rig(workers, tmp_path, listen="127.0.0.2:7860") as rig:
        assert rig.visitor(Host="127.0.0.2:7860").get("/api/state").status_code == 200
        assert rig.visitor(Host="127.0.0.3:7860").get("/api/state").status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1:7860"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_sites_are_refused(rig: Rig, headers: dict[str, str], method: str):
    assert said(rig.visitor(**headers).request(method, "/api/examples/shot")) == (403, FOREIGN)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_form_of_another_site_lacks_the_header(rig: Rig, method: str):
    visitor = rig.visitor()
    del visitor.headers["X-Relumix"]
    code, text = said(visitor.request(method, "/api/open", content=b"{}", headers={"Content-Type": "text/plain"}))
    assert (code, text) == (403, "a request that changes something needs the header x-relumix")
    assert not list((rig.folder / "sessions").iterdir())


def test_a_link_from_elsewhere_opens_the_page(rig: Rig):
    visitor = rig.visitor(**{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
    assert visitor.get("/").status_code == 200
    assert said(visitor.post("/api/examples/shot")) == (403, FOREIGN)


def test_the_page_itself_may_ask(rig: Rig):
    visitor = rig.visitor(**{"Origin": ADDRESS, "Sec-Fetch-Site": "same-origin"})
    assert visitor.get("/api/state").status_code == 200


def test_every_answer_says_what_a_browser_may_do(rig: Rig):
    visitor = rig.visitor()
    for path in ("/", "/static/main.js", "/static/look.css", "/api/state", "/nothing"):
        answer = visitor.get(path)
        assert {name: answer.headers[name] for name in HEADERS} == dict(HEADERS), path
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    assert "http" not in HEADERS["Content-Security-Policy"]


def test_a_name_may_be_any_where_a_token_guards():
    guard = Guard(lambda *_: None, None)  # type: ignore[arg-type, return-value]
    headers = Headers({"host": "render7.studio:7860", "origin": "http://render7.studio:7860", "x-relumix": "1"})
    assert guard.refusal("POST", headers, "http") is None


def test_nothing_of_the_page_is_elsewhere():
    for path in STATIC.iterdir():
        addresses = set(re.findall(r"(?:https?:)?//[\w.]+\.\w+[^\s\"')]*", path.read_text("utf-8")))
        assert addresses <= {"http://www.w3.org/2000/svg"}, path.name
        assert "style=" not in path.read_text("utf-8"), f"{path.name}: the policy allows no style in elements"


def test_a_token_is_asked_for(workers, tmp_path: Path):
    tokens = tmp_path / "tokens"
    tokens.write_text("correct horse battery\n")
    with Rig(workers, tmp_path, token_file=str(tokens), listen="0.0.0.0:7860") as rig:
        visitor = rig.visitor()
        assert said(visitor.get("/api/state")) == (401, "this page asks for a token")
        assert said(visitor.post("/api/examples/shot")) == (401, "this page asks for a token")
        assert said(visitor.post("/api/login", json={"token": "a wrong one"})) == (401, "that is no token of this page")
        assert visitor.get("/").status_code == 200  # It is there that the token is asked for.
        assert visitor.post("/api/login", json={"token": "correct horse battery"}).status_code == 200
        state = visitor.get("/api/state").json()
        assert state["status_page"] == ""
        assert rig.visitor().get("/api/state").status_code == 401
