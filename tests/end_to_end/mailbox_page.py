"""A mail as the stand-in's mailbox shows it, read back from its page."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

from tests.end_to_end.campaigns import CampaignShop


@dataclass(kw_only=True)
class Shown:
    """The mail: what it says, and every other fact by its label."""

    html: str = ""
    text: str = ""
    subject: str = ""
    name: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def page_of(shop: CampaignShop, send_id: str) -> Shown:
    """The mail with this send id."""
    message_id = next(mail.message_id for mail in shop.provider.accepted() if mail.send_id == send_id)
    reader = _Reader()
    reader.feed(shop.provider.page(message_id))
    reader.close()
    return reader.shown


class _Reader(HTMLParser):
    """Takes the facts out of the page; what stands in `<dl>` is labelled by its `<dt>`."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = Shown()
        self._open: list[str] = []
        self._label = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)
        if tag == "iframe":
            self.shown.html = dict(attrs)["srcdoc"] or ""

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        match self._open[-1:]:
            case ["h1"]:
                self.shown.subject += data
            case ["pre"]:
                self.shown.text += data
            case ["strong"] if "p" in self._open:
                self.shown.name = self.shown.name or data
            case ["dt"]:
                self._label = data
            case ["dd"]:
                self.shown.headers[self._label] = self.shown.headers.get(self._label, "") + data
