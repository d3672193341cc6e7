"""The status page in a browser: what it says, and every button on it."""
import os
import pathlib
import re

import pytest

import browser as browsers
from backlog import (leave_external, leave_one_of_each, leave_pending, leave_strays, lose_an_image,
                     old_key, rows)
from support import programs

BUTTONS = {"sign-out", "sweep-run", "sweep-stop", "filter-clear", "retry-class", "retry-all",
           "page-first", "page-next", "audit-run"}
SUBMITS = {"Show", "Filter", "Look up"}
# SCREENSHOTS=docs/images makes the pictures of the docs anew.
PICTURES = os.environ.get("SCREENSHOTS")


@pytest.fixture
def pictures(tmp_path):
    folder = programs.ROOT / PICTURES if PICTURES else tmp_path
    folder.mkdir(exist_ok=True)
    return folder


# What it is.

def test_it_is_of_this_service_alone(lazy, browser):
    lazy.private.token = None
    page = lazy.private.get("/")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in page.headers
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page.text)
    browser.open(lazy).sign_in(lazy.token)
    origins = browser.run("return performance.getEntriesByType('resource').map(e => e.name)")
    assert len(origins) > 12
    assert all(name.startswith(f"http://127.0.0.1:{lazy.private_port}/") for name in origins)


def test_it_is_not_on_the_public_listener(lazy):
    assert lazy.public.get("/").status == lazy.public.get("/web/page.js").status == 404


# Letting in.

def test_a_wrong_token_is_refused_in_words(lazy, browser):
    browser.open(lazy)
    browser.type("token", "not-the-token-of-anybody")
    browser.press(browsers.ENTER)
    browser.wait_text("token-error", "not a token of this service")
    assert not browser.is_shown("content")


def test_the_token_is_kept_in_memory_only(lazy, browser):
    browser.open(lazy).sign_in(lazy.token)
    kept = browser.run("return [document.cookie, localStorage.length, sessionStorage.length,"
                       " location.href, document.querySelector('#token').value]")
    assert kept == ["", 0, 0, f"http://127.0.0.1:{lazy.private_port}/", ""]
    assert lazy.token not in browser.driver.page_source
    browser.driver.refresh()
    assert browser.is_shown("sign-in") and not browser.is_shown("content")


def test_a_token_can_be_forgotten(lazy, browser):
    browser.open(lazy).sign_in(lazy.token)
    browser.click("sign-out")
    assert browser.is_shown("sign-in") and not browser.is_shown("content")
    assert browser.run("return document.activeElement.id") == "token"


def test_a_token_that_was_withdrawn_ends_it(lazy, browser):
    browser.open(lazy).sign_in(lazy.token)
    lazy.token = "another-token-0123456789"
    lazy.write_token_file()
    browser.wait_text("token-error", "not good any more")
    assert not browser.is_shown("content")


# What it says.

def test_it_says_in_words_whether_they_agree(lazy, browser, pictures):
    browser.open(lazy).sign_in(lazy.token)
    browser.wait_text("verdict-title", "Database and file store agree")
    assert browser.text("pending") == browser.text("blocked") == "0"
    assert (browser.text("oldest"), browser.text("clean")) == ("none", "clean")
    leave_pending(lazy, 3)
    browser.wait_text("verdict-title", "Not in agreement: 3 deletions wait")
    assert browser.text("pending") == "3"
    assert browser.text("clean") == "unknown"
    browser.wait(lambda: len(browser.keys()) == 3, "the list")
    lazy.sweep()
    browser.wait_text("verdict-title", "Database and file store agree")
    browser.wait_text("page-words", "Nothing is left undone.")
    assert float(browser.text("rate").lstrip("< ")) > 0
    browser.picture(pictures / "status-agreement.png", 1200, 1050)


def test_an_outage_and_its_end_are_seen(service, s3d, browser, pictures):
    users = service(files=s3d.url(), environment=s3d.environment, delete_wait="1s")
    users.wait_until_ready()
    made = [users.create_with_avatar()["id"] for _ in range(5)]
    browser.open(users).sign_in(users.token)
    browser.wait_text("stores", "Answers: breaker closed")
    s3d.fault("refuse,status=503,code=SlowDown")
    for user_id in made:
        assert users.delete(user_id).status == 202
    browser.wait_text("verdict-title", "Not in agreement: 5 deletions wait")
    browser.wait_text("stores", "breaker open")
    browser.wait_text("verdict-words", "The file store does not answer")
    assert browser.find("verdict").get_attribute("data-state") == "broken"
    browser.scheme("dark")
    browser.picture(pictures / "status-outage-dark.png", 1200, 1050)
    s3d.clear()
    browser.wait_text("verdict-title", "Database and file store agree", 30)
    browser.wait_text("stores", "Answers: breaker closed")
    assert all(users.erased(user_id) for user_id in made)


def test_a_service_that_is_gone_is_said(lazy, browser):
    browser.open(lazy).sign_in(lazy.token)
    lazy.kill()
    browser.wait_text("verdict-title", "No telling how things stand")
    browser.wait_text("verdict-words", "The service does not answer. The numbers below are from")


def test_a_job_that_is_late_is_warned_of_until_it_calls(service, browser):
    users = service(job_late_after="2s")
    browser.open(users).sign_in(users.token)
    browser.wait_text("warnings", "The Fallback Job is late: it has never called")
    assert "Has not called since the start" in browser.text("job-words")
    users.sweep()
    browser.wait(lambda: browser.text("warnings") == "", "the warning to go")
    assert "Last called" in browser.text("job-words")


def test_a_job_without_effect_is_warned_of(on_s3d, s3d, browser):
    leave_one_of_each(on_s3d, s3d)
    for _ in range(2):
        s3d.fault("key-error,code=AccessDenied,status=403")
        on_s3d.sweep()
    browser.open(on_s3d).sign_in(on_s3d.token)
    browser.wait_text("warnings", "works without effect: its last 3 sweeps finished nothing")


def test_the_charts_show_the_last_hour_and_say_it(lazy, browser):
    leave_pending(lazy, 2)
    browser.open(lazy).sign_in(lazy.token)
    label = "return document.querySelector('#chart-backlog').getAttribute('aria-label')"
    browser.wait(lambda: "2 pending and 0 blocked now, 2 together at most" in browser.run(label),
                 "the chart's words")
    painted = browser.run("""
        const canvas = document.querySelector('#chart-backlog');
        const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        return new Set(pixels.filter((_, i) => i % 4 === 2)).size;""")
    assert painted > 3


# The sweep.

def test_a_sweep_is_run_and_watched(lazy, browser):
    leave_external(lazy, 60)
    browser.open(lazy).sign_in(lazy.token)
    browser.run("""
        window.seen = [];
        new MutationObserver(() => seen.push(document.querySelector('#sweep-attempted').innerText))
          .observe(document.querySelector('#sweep-attempted'), {childList: true});""")
    browser.click("sweep-run")
    browser.wait_text("sweep-words", "Done: 60 of 60 deletions finished, nothing is left.")
    assert (browser.text("sweep-attempted"), browser.text("sweep-deleted")) == ("60", "60")
    assert browser.run("const p = document.querySelector('#sweep-progress');"
                       "return p.value === p.max")
    # It went in pages of ten, and was shown on its way.
    assert len(set(browser.run("return seen"))) > 2
    assert not browser.is_shown("sweep-stop") and browser.find("sweep-run").is_enabled()
    browser.wait_text("verdict-title", "Database and file store agree")
    assert lazy.private.get("/api/status").data["job"]["lastCallAt"] is None


def test_watching_a_sweep_can_be_stopped(service, s3d, browser):
    users = service(files=s3d.url(), environment=s3d.environment, inline="off", timer="off",
                    page_keys=1, pages=1)
    users.wait_until_ready()
    leave_external(users, 40)
    s3d.fault("latency,ms=100")
    browser.open(users).sign_in(users.token)
    browser.click("sweep-run")
    browser.wait(lambda: browser.text("sweep-attempted") not in ("", "0"), "progress")
    assert not browser.find("sweep-run").is_enabled()
    browser.click("sweep-stop")
    browser.wait_text("sweep-words", "Not watched any more")
    assert browser.find("sweep-run").is_enabled()
    s3d.clear()


def test_a_sweep_in_an_outage_says_so(on_s3d, s3d, browser):
    leave_pending(on_s3d, 3)
    s3d.fault("refuse,status=503,code=SlowDown")
    browser.open(on_s3d).sign_in(on_s3d.token)

    def swept():
        browser.click("sweep-run")
        browser.wait(lambda: browser.find("sweep-run").is_enabled(), "its end")
        return "The file store does not answer: 3 deletions are left" in browser.text("sweep-words")
    browser.wait(swept, "the sweep to say so", 30)
    s3d.clear()


# The audit.

def test_a_dry_run_is_begun_and_says_what_it_found(lazy, browser, pictures):
    leave_strays(lazy, 2)
    lose_an_image(lazy)
    lazy.create_with_avatar()
    browser.open(lazy).sign_in(lazy.token)
    browser.wait_text("audit-words", "There was no audit yet.")
    assert not browser.is_shown("audit-live")
    browser.click("audit-run")
    browser.wait_text("audit-words", "The last audit found 2 objects that nobody owns and 1 user "
                                     "whose image is not there.", 60)
    assert [browser.text(f"audit-{name}") for name in (
        "objects", "strays", "scheduled", "missing", "oldVersions", "unknown", "young")] == [
            "3", "2", "0", "1", "0", "0", "0"]
    assert "A dry run: nothing was deleted." in browser.text("audit-detail")
    assert browser.find("audit-run").is_enabled() and not browser.is_shown("audit-progress")
    browser.wait_text("warnings", "1 user whose image is not there. See the audit below.")
    assert len(lazy.objects()) == 3
    browser.picture_of("audit", pictures / "status-audit.png", 1200)


def test_an_audit_that_runs_is_watched_and_one_that_was_stopped_is_told(service, browser):
    users = service(inline="off", timer="off", audit_rate=10)
    # The second page of the listing comes when a hundred seconds are over.
    leave_strays(users, 1001)
    browser.open(users).sign_in(users.token)
    browser.click("audit-run")
    browser.wait_text("audit-words", "A dry run is under way.", 60)
    browser.wait(lambda: browser.text("audit-objects") == "1,000", "its first page", 60)
    assert browser.is_shown("audit-progress") and not browser.find("audit-run").is_enabled()
    assert browser.run("return document.querySelector('#audit-progress').value") > 0
    assert browser.text("audit-rate") != "0" and "Began" in browser.text("audit-detail")
    assert users.private.delete("/api/audit").status == 200
    browser.wait_text("audit-words", "The last audit was stopped before its end.")
    browser.wait(lambda: browser.find("audit-run").is_enabled(), "the button")


def test_an_audit_that_the_store_holds_up_says_so(service, s3d, browser):
    users = service(files=s3d.url("p"), environment=s3d.environment, timer="off")
    users.wait_until_ready()
    s3d.put("p/" + old_key(1), b"x")
    s3d.fault("refuse,verb=LIST,status=503,code=SlowDown")
    browser.open(users).sign_in(users.token)
    browser.click("audit-run")
    browser.wait_text("audit-detail", "It tries again: the store does not say whether it "
                                      "keeps versions: SlowDown", 60)
    s3d.clear()
    browser.wait_text("audit-words", "The last audit found 1 object that nobody owns.", 60)


def test_an_audit_that_refused_and_one_that_deletes_are_told(lazy, browser):
    leave_strays(lazy, 2)
    browser.open(lazy).sign_in(lazy.token)
    assert lazy.private.post("/api/audit", delete="true", maxShare=1).status == 202
    refused = ("The last audit refused to delete so much: 2 of 2 objects would go, and 1 percent "
               "may.")
    browser.wait_text("audit-words", refused, 60)
    browser.wait_text("warnings", refused)
    assert "at most 1 percent of a store" in browser.text("audit-detail")
    assert lazy.private.post("/api/audit", delete="true", maxShare=100).status == 202
    browser.wait_text("audit-words", "The last audit found nothing that is left to do. "
                                     "2 objects that nobody owned are being deleted.", 60)
    assert (browser.text("audit-scheduled"), browser.text("warnings")) == ("2", "")


def test_a_dry_run_that_cannot_be_begun_says_why(lazy, browser):
    browser.open(lazy).sign_in(lazy.token)
    lazy.kill()
    browser.click("audit-run")
    browser.wait_text("audit-problem", "The service does not answer.")
    assert browser.find("audit-run").is_enabled()


# The list.

def test_the_list_tells_what_and_why(on_s3d, s3d, browser, pictures):
    blocked, failed, fresh = leave_one_of_each(on_s3d, s3d)
    browser.open(on_s3d).sign_in(on_s3d.token)
    browser.wait(lambda: browser.keys() == sorted([blocked, failed, fresh]), "the list")
    text = {row.get_attribute("data-key"): row.text for row in browser.all("#rows tr")}
    assert "blocked" in text[blocked] and "AccessDenied" in text[blocked]
    assert re.search(r"\b1\b.* in \d+ ", text[blocked].replace("\n", " "))
    assert "InternalError" in text[failed] and "none yet" in text[fresh]
    browser.picture(pictures / "status-phone.png", 390, 1700)


def test_the_list_is_filtered(on_s3d, s3d, browser):
    blocked, failed, fresh = leave_one_of_each(on_s3d, s3d)
    browser.open(on_s3d).sign_in(on_s3d.token)
    browser.choose("filter-state", "blocked")
    browser.wait(lambda: browser.keys() == [blocked], "the blocked one")
    browser.click("filter-clear")
    browser.wait(lambda: len(browser.keys()) == 3, "all")
    browser.type("filter-class", "InternalError")
    browser.press(browsers.ENTER)
    browser.wait(lambda: browser.keys() == [failed], "its class")
    browser.type("filter-class", "Nonsense")
    browser.click("filter button[type=submit]")
    browser.wait_text("page-words", "Nothing fits the filter.")
    browser.click("filter-clear")
    browser.wait(lambda: len(browser.keys()) == 3, "all")
    browser.click(f"rows tr[data-key='{blocked}'] button.link")
    browser.wait(lambda: browser.keys() == [blocked], "the class that was clicked")
    assert browser.text("retry-class") == "Retry class AccessDenied"


def test_the_list_has_pages(lazy, browser):
    leave_external(lazy, 45)
    names = [f"elsewhere/{number:04}" for number in range(45)]
    browser.open(lazy).sign_in(lazy.token)
    browser.wait(lambda: browser.keys() == names[:20], "the first page")
    assert not browser.find("page-first").is_enabled()
    browser.click("page-next")
    browser.wait(lambda: browser.keys() == names[20:40], "the second page")
    browser.click("page-next")
    browser.wait(lambda: browser.keys() == names[40:], "the third page")
    browser.wait_text("page-words", "Page 3")
    assert not browser.find("page-next").is_enabled()
    browser.click("page-first")
    browser.wait(lambda: browser.keys() == names[:20], "the first page")


def test_one_is_retried(service, s3d, browser):
    users = service(files=s3d.url(), environment=s3d.environment, inline="off")
    users.wait_until_ready()
    made = [users.create_with_avatar()["id"] for _ in range(2)]
    s3d.fault("key-error,code=AccessDenied,status=403")
    for user_id in made:
        users.delete(user_id)
    users.wait_for(lambda: len(rows(users, state="blocked")) == 2)
    s3d.clear()
    first, second = [row["key"] for row in rows(users)]
    browser.open(users).sign_in(users.token)
    browser.wait(lambda: len(browser.keys()) == 2, "the list")
    browser.click(f"rows tr[data-key='{second}'] td:last-child button")
    browser.wait_text("list-words", "1 deletion will be tried again now.")
    browser.wait(lambda: browser.keys() == [first], "the other one to be left")
    browser.wait_text("verdict-title", "Not in agreement: 1 deletion is blocked")
    browser.wait_text("verdict-words", "retry its class")


def test_a_class_and_all_are_retried(on_s3d, s3d, browser):
    leave_one_of_each(on_s3d, s3d)
    leave_pending(on_s3d, 1)
    s3d.fault("key-error,code=AccessDenied,status=403")
    on_s3d.sweep()
    s3d.clear()
    waiting = len(rows(on_s3d))
    denied = len(rows(on_s3d, errorClass="AccessDenied"))
    assert denied > 1
    browser.open(on_s3d).sign_in(on_s3d.token)
    assert not browser.find("retry-class").is_enabled()
    browser.type("filter-class", "AccessDenied")
    browser.press(browsers.ENTER)
    browser.wait(lambda: browser.find("retry-class").is_enabled(), "the button")
    browser.click("retry-class")
    browser.wait_text("list-words", f"{denied} deletions will be tried again now.")
    browser.click("retry-all")
    browser.wait_text("list-words", f"{waiting} deletions will be tried again now.")


# Receipts.

def test_a_receipt_is_looked_up(lazy, browser):
    (gone,) = leave_pending(lazy, 1)
    lazy.sweep()
    (leaving,) = leave_pending(lazy, 1)
    there = lazy.create()["id"]
    browser.open(lazy).sign_in(lazy.token)
    for user_id, words in ((gone, "Gone: the user and every object of theirs."),
                           (leaving, "Not gone yet"),
                           (there, "No erasure of such a user was asked for"),
                           ("nonsense", "No erasure of such a user was asked for")):
        browser.type("receipt-id", user_id)
        browser.click("receipt-form button")
        browser.wait_text("receipt-answer", words)
    browser.type("receipt-id", gone)
    browser.press(browsers.ENTER)
    browser.wait_text("receipt-answer", "Gone since")


def test_every_button_is_in_this_file(on_s3d, s3d, browser):
    leave_one_of_each(on_s3d, s3d)
    browser.open(on_s3d).sign_in(on_s3d.token)
    browser.wait(lambda: len(browser.keys()) == 3, "the list")
    buttons = browser.run("return [...document.querySelectorAll('button')].map(b =>"
                          " [b.id, b.type, b.textContent.trim(), b.closest('#rows') !== null])")
    assert {name for name, *_ in buttons if name} == BUTTONS
    assert {text for name, kind, text, _ in buttons if kind == "submit"} == SUBMITS
    assert {text for name, kind, text, row in buttons if row} == {"Retry", "AccessDenied",
                                                                  "InternalError"}
    tested = pathlib.Path(__file__).read_text(encoding="utf-8")
    assert all(f'click("{name}")' in tested for name in BUTTONS)
