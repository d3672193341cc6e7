"""The commands that the documents show: fenced blocks marked `sh`, `console` or `sql`."""
import pathlib
import re
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = ("sh", "console", "sql")
# What tests have run.
RUN = set()
FENCE = re.compile(r"^( *)```(sh|console|sql)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def documents():
    """Every document with text for readers, from the tree's root."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("*/README.md")]
    return sorted(str(path.relative_to(ROOT)) for path in found)


def blocks(document, *kinds):
    """The texts of a document's blocks of these kinds, in order; of `console`, what is typed."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return [typed(kind, textwrap.dedent(block)) for _, kind, block in FENCE.findall(text)
            if kind in (kinds or KINDS)]


def typed(kind, block):
    if kind != "console":
        return block
    return "\n".join(line[2:] for line in block.splitlines() if line.startswith("$ ")) + "\n"


def block(document, begins):
    """The block of a document that has a line that begins so."""
    found = [text for text in blocks(document)
             if any(line.startswith(begins) for line in text.splitlines())]
    assert len(found) == 1, f"{document} has {len(found)} blocks with a line \"{begins}…\""
    return found[0]
