"""The bounds of the service, as they are written down."""
import re

from support import programs


def limit(name):
    text = (programs.ROOT / "src/config/limits.h").read_text()
    return eval(re.search(rf"#define {name}\s+\(?([\d *L()]+)", text).group(1)
                .replace("L", "").rstrip(") "))
