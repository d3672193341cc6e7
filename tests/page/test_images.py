"""
Cleaned avatars in a browser: each looks as the image that was sent, dot by dot, turned and coloured
alike; and one that is a script as well is not run.
"""
import base64
import struct

import pytest

from support import hostile_images, images

CLEAN = [case for case in hostile_images.cases() if case.outcome == "clean"]

# Answers with the number of the dots that an image has, and all of them.
DRAW = """
const [sent, kind, done] = arguments;
const bytes = Uint8Array.from(atob(sent), letter => letter.charCodeAt(0));
const image = new Image();
image.src = URL.createObjectURL(new Blob([bytes], {type: kind}));
image.decode().then(() => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const pen = canvas.getContext('2d');
    pen.drawImage(image, 0, 0);
    const dots = pen.getImageData(0, 0, canvas.width, canvas.height).data;
    done([canvas.width, canvas.height, dots.join()]);
}, () => done('is no image'));
"""

# Answers with whether a script ran, and what it left behind.
RUN = """
const [address, done] = arguments;
delete window.spoken;
const script = document.createElement('script');
script.onload = () => done(['ran', window.spoken]);
script.onerror = () => done(['refused', window.spoken]);
script.src = address;
document.body.append(script);
"""


@pytest.fixture
def blank(the_browser):
    the_browser.driver.get("about:blank")
    yield the_browser
    the_browser.complaints()


def drawn(blank, content, kind):
    encoded = base64.b64encode(content).decode()
    return blank.driver.execute_async_script(DRAW, encoded, kind)


def test_a_cleaned_image_is_drawn_as_the_one_that_was_sent(service, blank):
    users = service()
    ada = users.create()["id"]
    other, turned = [], 0
    for case in CLEAN:
        assert users.put_avatar(ada, case.content).status in (200, 201)
        served = users.avatar(ada)
        kind = served.headers["Content-Type"]
        before, after = drawn(blank, case.original, kind), drawn(blank, served.body, kind)
        turned += after[:2] == [10, 12]
        if before != after or len(after) != 3:
            other.append(case.name)
    assert other == []
    # A browser that did not look for it could not tell.
    assert turned >= 8


def test_the_profile_of_a_cleaned_image_is_looked_at(service, blank):
    users = service()
    ada = users.create()["id"]
    plain = dict(hostile_images.basics())["png"]
    (own,) = (case for case in CLEAN if case.name == "png of its own colours")
    users.put_avatar(ada, own.content)
    assert drawn(blank, users.avatar(ada).body, "image/png") != drawn(blank, plain, "image/png")


def spoken_gif():
    """A GIF of some size that is also `GIF89a=<tab>"…";` and a statement: all in what is kept."""
    words = b'";window.spoken="so";//'
    palette = words + b" " * (24 - len(words))
    screen = struct.pack("<HHBBB", 0x093D, 0x2022, 0x82, 0, 0)
    return (b"GIF89a" + screen + palette + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0)
            + b"\x02\x02\x44\x01\0;")


def test_an_image_that_is_a_script_as_well_is_not_run(service, blank):
    users = service()
    ada = users.create(avatar=spoken_gif())["id"]
    assert users.avatar(ada).body == spoken_gif()
    address = f"http://127.0.0.1:{users.port}/api/users/{ada}/avatar"
    assert blank.driver.execute_async_script(RUN, address) == ["refused", None]
    # From elsewhere, and called a script, it would have been one.
    called = "data:text/javascript;charset=latin1;base64," + base64.b64encode(spoken_gif()).decode()
    assert blank.driver.execute_async_script(RUN, called) == ["ran", "so"]


def test_an_avatar_opened_by_itself_is_an_image_in_a_sandbox(service, blank):
    users = service()
    ada = users.create(avatar=images.png())["id"]
    blank.driver.get(f"http://127.0.0.1:{users.port}/api/users/{ada}/avatar")
    assert blank.run("return document.contentType") == "image/png"
    assert blank.run("return document.images.length") == 1
    assert blank.run("return origin") == "null"
