"""Unsubscribe links: read back by us, and by nobody else."""

import threading
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.unsubscribe_link import BadLink, BadLinkKey, UnsubscribeLinks

KEY, OTHER = bytes(range(64)), bytes(range(64, 128))
LINKS = UnsubscribeLinks(KEY, "https://mail.example.com")
user_ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)


def token(links: UnsubscribeLinks, user_id: str) -> str:
    return links.url(user_id).rpartition("/")[2]


@given(user_ids)
def test_a_link_leads_back_to_its_user_and_is_always_the_same(user_id: str) -> None:
    assert LINKS.user_of(token(LINKS, user_id)) == user_id
    assert LINKS.url(user_id) == UnsubscribeLinks([KEY], "https://mail.example.com/").url(user_id)


def test_a_link_is_one_segment_of_plain_characters_under_the_base_url() -> None:
    url = urlsplit(UnsubscribeLinks(KEY, "https://example.com/mail/").url("user 1/?#é"))
    assert (url.scheme, url.netloc, url.query, url.fragment) == ("https", "example.com", "", "")
    assert url.path.startswith("/mail/unsubscribe/")
    assert url.path.count("/") == 3


def test_nothing_of_the_user_can_be_read_in_the_link() -> None:
    assert "4711" not in LINKS.url("4711")
    assert token(LINKS, "4711")[:8] != token(LINKS, "4712")[:8]


def test_a_link_of_the_longest_id_is_read() -> None:
    longest = "\U0001f600" * 200
    assert LINKS.user_of(token(LINKS, longest)) == longest


@given(user_ids, st.data())
def test_a_token_with_any_character_changed_is_refused(user_id: str, data: st.DataObject) -> None:
    good = token(LINKS, user_id)
    place = data.draw(st.integers(0, len(good) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_").filter(lambda character: character != good[place]))
    with pytest.raises(BadLink):
        LINKS.user_of(good[:place] + other + good[place + 1 :])


@given(st.text(max_size=60))
def test_a_made_up_token_is_refused(made_up: str) -> None:
    with pytest.raises(BadLink):
        LINKS.user_of(made_up)


def test_every_other_spelling_of_a_token_is_refused() -> None:
    good = token(LINKS, "u")  # 17 bytes sealed: the last character has bits to spare
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same_bytes = [good[:-1] + last for last in alphabet if last != good[-1]]
    for spelling in [*same_bytes, good + "=", good + "==", f" {good}", f"{good}\n", good[:-1], good + "A", good + good]:
        with pytest.raises(BadLink):
            LINKS.user_of(spelling)


@pytest.mark.parametrize("bad", ["", "=", "A" * 1_000_000, "\ud800", "é" * 24, "a/b", "\x00"])
def test_what_is_no_token_at_all_is_refused(bad: str) -> None:
    with pytest.raises(BadLink):
        LINKS.user_of(bad)


def test_after_a_change_of_keys_old_links_are_still_read_and_new_ones_made_with_the_new_key() -> None:
    changed = UnsubscribeLinks([OTHER, KEY], "https://mail.example.com")
    assert changed.user_of(token(LINKS, "u1")) == "u1"
    assert changed.url("u1") == UnsubscribeLinks(OTHER, "https://mail.example.com").url("u1")
    with pytest.raises(BadLink):
        LINKS.user_of(token(changed, "u1"))


@pytest.mark.parametrize(
    ("keys", "url", "problem"),
    [
        (b"short", "https://example.com", "key 1 is 5 bytes long; expected 64"),
        ([KEY, b""], "https://example.com", "key 2 is 0 bytes long; expected 64"),
        ([], "https://example.com", "expected at least one key"),
        (KEY, "example.com", "base_url is 'example.com'; expected a URL"),
        (KEY, "https://example.com/?a=1", "expected a URL"),
        (KEY, "ftp://example.com", "expected a URL"),
    ],
)
def test_what_cannot_make_links_is_said(keys: bytes | list[bytes], url: str, problem: str) -> None:
    with pytest.raises(BadLinkKey, match=problem.replace("?", r"\?")):
        UnsubscribeLinks(keys, url)


@pytest.mark.parametrize("user_id", ["", "x" * 801])
def test_an_id_no_event_could_carry_gets_no_link(user_id: str) -> None:
    with pytest.raises(ValueError, match="bytes long; expected 1 to 800"):
        LINKS.url(user_id)


def test_threads_can_share_the_links() -> None:
    wrong: list[str] = []

    def hammer(name: str) -> None:
        wrong.extend(
            name for number in range(500) if LINKS.user_of(token(LINKS, f"{name}{number}")) != f"{name}{number}"
        )

    threads = [threading.Thread(target=hammer, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
