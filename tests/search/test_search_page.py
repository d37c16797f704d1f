"""The search page in a real browser: typed words, chosen and dropped files, hostile ones too.

Skipped, with the reason, where there is no Chromium (NNARCH_CHROMIUM names one elsewhere).
"""

import json

import pytest
from data.coloured_squares import COLOURS, square
from PIL import Image
from search.browser import Page, chromium
from search.stand_in import HOSTILE, served

pytestmark = pytest.mark.skipif(
    chromium() is None, reason="needs Chromium, which is missing: apt-get install chromium"
)


@pytest.fixture(scope="module")
def server():
    with served() as server:
        yield server


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Page(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(browser, server):
    """The search page, fresh."""
    browser.open("about:blank")
    browser.events.clear()
    browser.open(server.address)
    return browser


def names(page):
    return page.evaluate("[...document.querySelectorAll('#pictures .said')].map(e => e.innerText)")


def wait_for(page, first):
    page.until(
        f"document.querySelector('#pictures .said')?.innerText === {json.dumps(first)}"
        " && document.getElementById('status').innerText !== 'Searching …'"
    )


def unharmed(page):
    assert page.evaluate("typeof window.hacked") == "undefined"
    assert page.evaluate("document.querySelectorAll('main script, main iframe').length") == 0
    assert page.complaints() == []


def test_typed_words_find_pictures_at_once(page):
    assert page.evaluate("document.activeElement.id") == "words"
    page.type("green square")
    wait_for(page, "green square")
    assert len(names(page)) == 4
    assert page.evaluate(
        "[...document.querySelectorAll('#pictures img')].every(e => e.naturalWidth === 16)"
    )
    page.type(" of old")
    page.until("document.getElementById('status').innerText.includes('of, old')")
    unharmed(page)


def test_nothing_is_shown_when_the_words_are_gone(page):
    page.type("blue")
    wait_for(page, "blue square")
    page.evaluate("words.value = ''; words.dispatchEvent(new Event('input'))")
    page.until("document.getElementById('pictures-section').hidden")
    unharmed(page)


def test_hostile_names_and_words_stay_text(page):
    page.type('<img src=x onerror="window.hacked=1"> red')
    wait_for(page, HOSTILE)
    page.until("document.getElementById('status').innerText.includes('onerror')")
    unharmed(page)


@pytest.mark.parametrize("way", ["chosen", "dropped"])
def test_a_picture_finds_names_and_pictures(page, tmp_path, way):
    path = tmp_path / '"><img src=x onerror=window.hacked=1>.png'.replace("/", "")
    Image.fromarray(square(COLOURS["blue"], 4)).resize((90, 90)).save(path)
    if way == "chosen":
        page.choose("#file", path)
    else:
        page.drop(path)
    wait_for(page, "blue square")
    assert page.evaluate("document.querySelector('#names li').innerText").startswith("blue square")
    assert page.evaluate("document.getElementById('asked').naturalWidth") == 90
    assert page.evaluate("location.href").startswith("http://127.0.0.1")
    unharmed(page)


def test_a_file_that_is_no_picture_is_told(page, tmp_path):
    path = tmp_path / "page.html"
    path.write_text("<script>window.hacked=1</script>")
    page.drop(path)
    page.until("document.getElementById('status').innerText.includes('not a picture')")
    assert page.evaluate("document.getElementById('status').className") == "wrong"
    assert names(page) == []
    assert page.evaluate("typeof window.hacked") == "undefined"


def test_a_file_that_is_too_large_is_not_sent(page, tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(bytes(9 * 2**20))
    page.choose("#file", path)
    page.until("document.getElementById('status').innerText.includes('8 MB')")
    unharmed(page)


def test_the_policy_lets_nothing_else_run(page):
    ran = page.evaluate(
        "new Promise(done => {"
        " const script = document.createElement('script');"
        " script.textContent = 'window.hacked=1';"
        " document.body.append(script);"
        " const away = document.createElement('img');"
        " away.onerror = () => done(typeof window.hacked);"
        " away.onload = () => done('loaded');"
        " away.src = 'http://127.0.0.1:9/x.png';"
        " document.body.append(away); })"
    )
    assert ran == "undefined"
    assert any("Content Security Policy" in str(each) for each in page.complaints())


def test_an_answer_that_does_not_come_is_told(browser, tmp_path):
    with served() as server:
        browser.open(server.address)
    browser.type("red")
    browser.until("document.getElementById('status').innerText.includes('No answer')")
