"""No document shows a command that no test has run."""
import pytest
from blocks import RUN, blocks, documents

# How the tree is built and tested: the suites themselves are that.
OF_DEVELOPERS = ("CONTRIBUTING.md",)
# As root, on a machine that is there to be changed; what they do tests/packages looks at.
OF_ROOT = ("docs/install.md",)


@pytest.mark.last
@pytest.mark.complete
def test_every_command_was_run():
    left = [f"{document}: {text}" for document in documents()
            if document not in OF_DEVELOPERS + OF_ROOT
            for text in blocks(document) if text not in RUN]
    assert not left, "no test runs\n" + "\n".join(left)
