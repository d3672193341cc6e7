"""Whoever cannot see, point or hold a mouse: names, order, contrast, room."""
import pytest

import browser as browsers
from backlog import leave_external, leave_one_of_each
from support.s3 import StandIn
from support.service import Service

# WCAG 2.2: 1.4.3 text, 1.4.11 borders of controls, 2.5.8 targets.
TEXT, LARGE_TEXT, BORDER, TARGET = 4.5, 3, 3, 24
NAMED = {"button", "textbox", "searchbox", "combobox", "link", "image", "img", "progressbar",
         "table", "navigation", "search", "region", "list"}

CONTRAST = """
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const rgba = (colour) => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
};
const over = (top, below) => top.slice(0, 3).map((c, i) => c * top[3] + below[i] * (1 - top[3]));
const ground = (element) => {
  if (!element) return rgba('Canvas').slice(0, 3);
  const own = rgba(getComputedStyle(element).backgroundColor);
  return own[3] === 1 ? own.slice(0, 3) : over(own, ground(element.parentElement));
};
const light = (colour) => {
  const [r, g, b] = colour.map((c) => c / 255 <= 0.04045 ? c / 255 / 12.92
                                                          : ((c / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ratio = (a, b) => {
  const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
};
const shown = (element) => element.checkVisibility({checkVisibilityCSS: true})
  && element.getBoundingClientRect().width > 2;
"""
TEXTS = CONTRAST + """
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node; (node = walker.nextNode());) {
  const element = node.parentElement;
  if (!node.data.trim() || !shown(element) || element.closest(':disabled, noscript, datalist')) continue;
  const style = getComputedStyle(element), size = parseFloat(style.fontSize);
  const below = ground(element);
  found.push([node.data.trim(), ratio(over(rgba(style.color), below), below),
              size >= 24 || (size >= 18.66 && style.fontWeight >= 700)]);
}
return found;"""
BORDERS = CONTRAST + """
return [...document.querySelectorAll('input, select, button:not(.quiet, .link)')]
  .filter((element) => shown(element) && !element.disabled)
  .map((element) => [element.id || element.textContent,
    ratio(rgba(getComputedStyle(element).borderTopColor).slice(0, 3), ground(element.parentElement))]);"""
FOCUSABLE = """
return [...document.querySelectorAll('a[href], button, input, select, [tabindex="0"]')]
  .filter((element) => element.checkVisibility() && !element.disabled)
  .map((element) => [...document.querySelectorAll('*')].indexOf(element));"""
FOCUSED = """
const element = document.activeElement, style = getComputedStyle(element);
return [[...document.querySelectorAll('*')].indexOf(element),
        style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2];"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A service with something to see in every part of the page; the tests only look."""
    folder = tmp_path_factory.mktemp("world")
    s3d = StandIn(folder)
    users = Service(folder / "service", files=s3d.url(), environment=s3d.environment, inline="off",
                    timer="off", job_late_after="1s").start().wait_until_ready()
    leave_one_of_each(users, s3d)
    assert users.private.post("/api/audit").status == 202
    users.wait_for(lambda: users.private.get("/api/audit").data["state"] == "done", 60)
    yield users
    users.end()
    s3d.stop()


@pytest.fixture
def full(world, browser):
    browser.open(world).sign_in(world.token)
    browser.wait(lambda: len(browser.keys()) == 3, "the list")
    return browser


def names_of(browser):
    """(role, name) of everything that assistive technology is told of."""
    browser.cdp("Accessibility.enable")
    for node in browser.cdp("Accessibility.getFullAXTree")["nodes"]:
        if not node.get("ignored"):
            yield node["role"]["value"], node.get("name", {}).get("value", "").strip()


def test_everything_has_a_name(full):
    named = [(role, name) for role, name in names_of(full) if role in NAMED and role != "list"]
    assert len(named) > 20
    assert [pair for pair in named if not pair[1]] == []
    retries = [name for role, name in named if role == "button" and name.startswith("Retry avatars/")]
    assert len(set(retries)) == 3


def test_the_form_has_names_too(lazy, browser):
    browser.open(lazy)
    roles = dict(names_of(browser))
    assert roles["textbox"] == "Token" and roles["button"] == "Show"
    assert browser.run("return document.activeElement.id") == "token"


def test_the_outline_has_no_gaps(full):
    levels = full.run("return [...document.querySelectorAll('h1, h2, h3')]"
                      ".filter(h => h.checkVisibility()).map(h => Number(h.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:]))
    ids = full.run("return [...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    referred = full.run("return [...document.querySelectorAll('[aria-labelledby], "
                        "[aria-describedby]')].flatMap(e => ((e.getAttribute('aria-labelledby') "
                        "|| '') + ' ' + (e.getAttribute('aria-describedby') || '')).trim()"
                        ".split(/\\s+/))")
    assert set(referred) <= set(ids)
    assert full.run("return document.documentElement.lang") == "en"
    assert full.run("return document.querySelectorAll('main, header').length") == 2


def test_what_changes_is_told(full):
    live = full.run("return [...document.querySelectorAll('[aria-live], [role=status], "
                    "[role=alert]')].map(e => e.id || e.firstElementChild.id)")
    assert {"verdict-title", "warnings", "sweep-words", "audit-words", "audit-problem",
            "list-words", "receipt-answer", "token-error"} <= set(live)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_and_controls_stand_out(full, scheme):
    full.scheme(scheme)
    full.wait_text("warnings", "late")
    full.wait_text("audit-words", "The last audit found nothing that is left to do.")
    full.run("document.querySelector('#sweep-live').hidden = false")
    texts = full.run(TEXTS)
    assert len(texts) > 60
    assert [(text, round(ratio, 2)) for text, ratio, large in texts
            if ratio < (LARGE_TEXT if large else TEXT)] == []
    assert [(name, round(ratio, 2)) for name, ratio in full.run(BORDERS) if ratio < BORDER] == []
    grounds = full.run("return getComputedStyle(document.body).backgroundColor")
    assert (grounds == "rgb(18, 22, 21)") == (scheme == "dark")


def test_the_tab_key_goes_through_all_in_order_and_is_seen(full):
    # Nothing is redrawn meanwhile.
    full.run("Object.defineProperty(document, 'hidden', {get: () => true})")
    full.run("document.querySelector('.skip').focus()")
    full.press(browsers.TAB)
    full.press_back_tab()
    order = full.run(FOCUSABLE)
    walked = [full.run(FOCUSED)]
    for _ in order[1:]:
        full.press(browsers.TAB)
        walked.append(full.run(FOCUSED))
    assert [place for place, _ in walked] == order
    assert all(seen for _, seen in walked)


def go_to(browser, name):
    for _ in range(30):
        browser.press(browsers.TAB)
        if browser.run("return document.activeElement.id") == name:
            break


def test_it_works_without_a_mouse(lazy, browser):
    leave_external(lazy, 3)
    browser.open(lazy)
    browser.press(lazy.token, browsers.ENTER)
    browser.wait(lambda: browser.is_shown("content"), "the numbers")
    go_to(browser, "sweep-run")
    browser.press(browsers.SPACE)
    browser.wait_text("sweep-words", "Done: 3 of 3 deletions finished")
    go_to(browser, "audit-run")
    browser.press(browsers.ENTER)
    browser.wait_text("audit-words", "The last audit found nothing that is left to do.", 60)


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_has_room_for_it(full, width):
    full.size(width, 800)
    # Charts follow a moment later.
    full.wait(lambda: full.run("return document.documentElement.scrollWidth") <= width, "room")
    small = full.run("return [...document.querySelectorAll('button, input, select')]"
                     ".filter(e => e.checkVisibility()).map(e => [e.id || e.textContent, "
                     "e.getBoundingClientRect().width, e.getBoundingClientRect().height])")
    assert [one for one in small if min(one[1:]) < TARGET] == []
