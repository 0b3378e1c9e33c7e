"""A strict reader of the HTML pages that we write."""

from html.parser import HTMLParser

EMPTY = {"meta", "rect", "circle", "line", "polyline"}


class PageReader(HTMLParser):
    """Reads a page, and fails on elements that are not closed in their order.

    Attributes:
        figures: The values of its `data` elements.
        attributes: Name and value of all attributes.
        text: What people read, by the element that it stands in.
        ids: The names of places in the page.
    """

    def __init__(self, page: str):
        super().__init__()
        self.open: list[str] = []
        self.figures: list[float] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        if tag not in EMPTY:
            self.open.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag == "data":
            self.figures.append(float(dict(attrs)["value"]))

    def handle_endtag(self, tag):
        assert tag in EMPTY or self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data):
        self.text.append((self.open[-1] if self.open else "", data))
