"""What a supervisor such as systemd is to a program: a socket that it is told things on."""
import ctypes
import pathlib
import socket

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000


class Supervisor:
    """Hears what programs tell that are started with its environment."""

    def __init__(self, address, watchdog_s=None):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.environment = {"NOTIFY_SOCKET": address}
        if watchdog_s:
            self.environment["WATCHDOG_USEC"] = str(int(watchdog_s * 1000000))

    def hears(self, timeout=60):
        """The next thing that it is told."""
        self.socket.settimeout(timeout)
        return self.socket.recv(4096).decode()

    def hears_until(self, state, timeout=60):
        """All that it is told up to this, and this."""
        heard = [self.hears(timeout)]
        while heard[-1] != state:
            heard.append(self.hears(timeout))
        return heard

    def hears_nothing(self, seconds):
        try:
            self.hears(seconds)
        except TimeoutError:
            return True
        return False

    def forget(self):
        """Leaves out what it was told so far."""
        self.socket.setblocking(False)
        try:
            while self.socket.recv(4096):
                pass
        except BlockingIOError:
            pass

    def close(self):
        self.socket.close()


def threads(process, name):
    """The numbers of a process's threads of this name."""
    tasks = sorted(pathlib.Path(f"/proc/{process.pid}/task").iterdir(), key=lambda task: int(task.name))
    return [int(task.name) for task in tasks if (task / "comm").read_text().strip() == name]


class Held:
    """One thread of a child of ours, held still while the others go on."""

    def __init__(self, thread):
        self.thread = thread
        self.library = ctypes.CDLL(None, use_errno=True)
        self.library.ptrace.restype = ctypes.c_long
        self.library.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p,
                                        ctypes.c_void_p]

    def trace(self, request):
        done = self.library.ptrace(request, self.thread, None, None)
        assert done == 0, f"ptrace({request}): errno {ctypes.get_errno()}"

    def __enter__(self):
        self.trace(PTRACE_SEIZE)
        self.trace(PTRACE_INTERRUPT)
        assert self.library.waitpid(self.thread, None, WALL) == self.thread
        return self

    def __exit__(self, *_):
        self.trace(PTRACE_DETACH)
