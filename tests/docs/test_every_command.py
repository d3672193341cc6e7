"""No document shows a command that no test has run."""
import re

import pytest
from blocks import ROOT, RUN, blocks, documents

# What is typed as root, on machines that are there to be changed, by the suite packages-long: this
# module takes the document apart, and fails on a block that it does not know.
ELSEWHERE = {"docs/install.md": "tests/packages/long/machines.py"}


@pytest.mark.last
@pytest.mark.complete
def test_every_command_was_run():
    left = [f"{document}: {text}" for document in documents() if document not in ELSEWHERE
            for text in blocks(document) if text not in RUN]
    assert not left, "no test runs\n" + "\n".join(left)


def test_what_is_typed_elsewhere_is():
    for document, module in ELSEWHERE.items():
        text = (ROOT / module).read_text(encoding="utf-8")
        assert f'"{document}"' in text and 'blocks(DOCUMENT, "sh")' in text
        names = text.partition(") = blocks(")[0].rpartition("(")[2].replace(",", " ").split()
        assert len(names) == len(blocks(document))
        tests = "".join(path.read_text(encoding="utf-8")
                        for path in (ROOT / module).parent.glob("*.py"))
        assert [name for name in names
                if not re.search(rf"\(.*\b{name}\b|= {name}\.", tests)] == []
