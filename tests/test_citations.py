"""Citations written out as links, and back."""

import pytest

from book.tools import citations
from book.tools.contents import BOOK

TEXTS = {page.stem: page.read_text(encoding="utf-8") for page in BOOK.glob("*.md")}
CITING = [name for name, text in TEXTS.items() if "{cite}" in text]


def test_every_work_has_one_address_and_words_of_its_own():
    entries = citations.bibliography().entries
    for key, entry in entries.items():
        assert len(citations.ADDRESSES.keys() & entry.fields.keys()) == 1, key
        assert "arxiv" not in entry.fields.get("note", "").lower(), f"{key}: that is its eprint"
    assert len({citations.work(key) for key in entries}) == len(entries) > 30


@pytest.mark.parametrize("name", CITING)
def test_what_is_written_out_is_saved_with_its_keys_again(name):
    shown = citations.written_out(TEXTS[name])
    assert "{cite}" not in shown and shown != TEXTS[name]
    assert citations.with_keys(shown) == TEXTS[name]


def test_several_works_stand_in_one_bracket():
    text = "As {cite}`kim2021visual,hinton2015` say (2021)."
    shown = citations.written_out(text)
    assert shown == (
        "As ([Kim and Panda, 2021](https://doi.org/10.1038/s41598-021-98448-0); "
        "[Hinton et al., 2015](https://arxiv.org/abs/1503.02531)) say (2021)."
    )
    assert citations.with_keys(shown) == text
