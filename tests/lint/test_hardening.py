"""The check of release builds finds each protection that is missing."""
import pathlib
import platform
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import hardening  # noqa: E402

SOURCE = """
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
    char text[8];
    snprintf(text, (size_t)argc * 2, "%s", argv[0]);
    return (int)strlen(text);
}
"""
FLAGS = ["-O2", "-fPIE", "-pie", "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong",
         "-fcf-protection=full", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack"]


@pytest.fixture
def found(tmp_path):
    """What is found about a program that was built with these flags."""

    def build(flags):
        source, program = tmp_path / "one.c", tmp_path / "one"
        source.write_text(SOURCE)
        subprocess.run(["gcc", *flags, source, "-o", program], check=True, capture_output=True)
        return "\n".join(hardening.faults(program))

    return build


def test_a_hardened_program_has_no_fault(found):
    assert found(FLAGS) == ""


@pytest.mark.parametrize("without, instead, fault", [
    ("-pie", "-no-pie", "position-independent"),
    ("-Wl,-z,relro", "-Wl,-z,norelro", "RELRO"),
    ("-Wl,-z,now", "-Wl,-z,lazy", "late"),
    ("-Wl,-z,noexecstack", "-Wl,-z,execstack", "stack that can be executed"),
    ("-fstack-protector-strong", "-fno-stack-protector", "stack protector"),
    ("-D_FORTIFY_SOURCE=2", "-U_FORTIFY_SOURCE", "checked functions"),
    ("-fcf-protection=full", "-fcf-protection=none", "control flow"),
    ("-O2", "-Wl,-rpath,/opt", "folders of its own"),
])
def test_a_missing_protection_is_a_fault(found, without, instead, fault):
    if fault == "control flow" and platform.machine() != "x86_64":
        return
    assert fault in found([instead if flag == without else flag for flag in FLAGS])


def test_a_flag_that_leaves_no_trace_is_looked_for(found, tmp_path):
    (tmp_path / "compile_commands.json").write_text(
        '[{"file": "../src/one.c", "command": "gcc -D_FORTIFY_SOURCE=3 -O2"}]')
    faults = found(FLAGS)
    assert "-fstack-clash-protection" in faults and "-ftrivial-auto-var-init=zero" in faults
    assert "FORTIFY" not in faults
