import re
from html.parser import HTMLParser

from relumix.evaluate import Row, write_html
from tests.evaluate.reports import make_report


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.links, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href", "data")]

    def handle_data(self, data):
        self.text.append(data)


def written(tmp_path, report):
    write_html(report, tmp_path / "r.html")
    page = Links()
    page.feed((tmp_path / "r.html").read_text(encoding="utf-8"))
    return page


def test_the_file_stands_alone(tmp_path):
    page = written(tmp_path, make_report())
    assert "script" not in page.tags
    assert len(page.links) == 3
    assert all(link.startswith("data:image/jpeg;base64,") for link in page.links)
    assert not re.search(r"https?:|url\(|@import", (tmp_path / "r.html").read_text(encoding="utf-8"))


def test_it_tells_what_was_compared_and_how_it_went(tmp_path):
    page = written(tmp_path, make_report())
    text = " ".join("".join(page.text).split())
    for part in ("2 frames, 1002 to 1003; not scored, as references: 1001", "25.00", "gt/<truth>.####.exr"):
        assert part in text
    assert page.tags.count("svg") == 4
    assert "<truth>" not in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_a_report_of_flicker_alone(tmp_path):
    rows = (Row(1), Row(2, gain_flicker_stops=0.05, followed=0.913))
    page = written(tmp_path, make_report(truth=None, source="plate.####.exr", rows=rows, references=(), exhibits=()))
    text = " ".join("".join(page.text).split())
    assert page.tags.count("svg") == 1
    assert "over the 91 % of the picture" in text
    assert "FLIP" not in text
