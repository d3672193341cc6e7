"""What this machine's kernel can do, and what it looks like to be on one that can do less."""
import ctypes
import subprocess

LANDLOCK_CREATE_RULESET = 444
VERSION_ASKED = 1
ENOSYS = 38
SCMP_ACT_ALLOW = 0x7FFF0000
SCMP_ACT_ERRNO = 0x00050000


def landlock_abi():
    """The ABI of Landlock that the kernel offers; 0: none."""
    return max(0, ctypes.CDLL(None).syscall(LANDLOCK_CREATE_RULESET, None, 0, VERSION_ASKED))


def without_landlock():
    """Makes this process and its children see a kernel that has no Landlock."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_load.argtypes = library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_rule_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int,
                                         ctypes.c_uint]
    kernel = library.seccomp_init(SCMP_ACT_ALLOW)
    refused = library.seccomp_rule_add(kernel, SCMP_ACT_ERRNO | ENOSYS, LANDLOCK_CREATE_RULESET, 0)
    assert refused == 0 and library.seccomp_load(kernel) == 0
    library.seccomp_release(kernel)


def is_sanitized(program):
    """Whether a program was built with a sanitizer: its sandbox then is a smaller one."""
    needed = subprocess.run(["readelf", "--dynamic", program], capture_output=True, text=True,
                            check=True).stdout
    return "libasan" in needed or "libtsan" in needed
