"""
A proxy on a link between two programs, which does to it what networks do.

    network = Network(seed)
    link = network.link(5432)         # whoever connects to link.port reaches port 5432
    link.spoil("stall", "up")         # from the client to the server; "down" is the other way
    link.heal()

All links of a network live in one thread of their own. What is wrong with a link holds for the
connections that are open and for those that come; healed, all that was held back goes on its way.
"""
import asyncio
import random
import pathlib
import socket
import struct
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.ports import free_port  # noqa: E402

CHUNK = 16384
DIRECTIONS = ("up", "down")
# What is wrong, in one direction or, for "down", with the link as a whole.
FAULTS = ("latency", "jitter", "bandwidth", "slicing", "stall", "slow-close", "cut", "reset",
          "down")

LATENCY_S = 0.15
JITTER_S = 0.2
BYTES_PER_S = 6000
SLICE = 7
SPARED_MOST = 600  # bytes that a connection may carry before it is cut or reset


class Broken(Exception):
    """The connection ends here: with a FIN on both sides, or with a reset."""

    def __init__(self, reset):
        super().__init__()
        self.reset = reset


class Direction:
    """One way of a link, and what is wrong with it."""

    def __init__(self, chance):
        self.chance = chance
        self.fault = None
        self.healed = asyncio.Event()
        self.healed.set()
        self.spoilt = 0  # how often: a connection counts its bytes since the last time

    def spoil(self, fault):
        self.fault = fault
        self.spoilt += 1
        self.healed.clear()

    def heal(self):
        self.fault = None
        self.healed.set()

    async def rest(self, seconds):
        """A pause that healing cuts short."""
        try:
            await asyncio.wait_for(self.healed.wait(), seconds)
        except asyncio.TimeoutError:
            pass


class Pump:
    """Carries what one end of a connection says to the other."""

    def __init__(self, direction, source, sink):
        self.direction, self.source, self.sink = direction, source, sink
        self.spoilt, self.spared = 0, 0

    async def run(self):
        loop = asyncio.get_running_loop()
        while True:
            data = await loop.sock_recv(self.source, CHUNK)
            if not data:
                if self.direction.fault in ("slow-close", "stall"):
                    await self.direction.healed.wait()
                self.sink.shutdown(socket.SHUT_WR)
                return
            await self.pass_on(loop, data)

    async def pass_on(self, loop, data):
        await self.wait_before()
        while data:
            piece, data = self.cut_off(data)
            await loop.sock_sendall(self.sink, piece)
            fault = self.direction.fault
            if fault == "bandwidth":
                await self.direction.rest(len(piece) / BYTES_PER_S)
            elif fault == "slicing":
                await asyncio.sleep(0)
            elif fault == "stall":
                await self.direction.healed.wait()
            spent = self.spared <= 0 and self.spoilt == self.direction.spoilt
            if fault in ("cut", "reset") and spent:
                raise Broken(reset=fault == "reset")

    async def wait_before(self):
        fault, chance = self.direction.fault, self.direction.chance
        if fault == "latency":
            await self.direction.rest(LATENCY_S)
        elif fault == "jitter":
            await self.direction.rest(chance.uniform(0, JITTER_S))
        elif fault == "stall":
            await self.direction.healed.wait()

    def cut_off(self, data):
        """The next piece to send, and the rest."""
        fault = self.direction.fault
        most = len(data)
        if fault == "bandwidth":
            most = BYTES_PER_S // 20
        elif fault == "slicing":
            # Where a text is read by its lines and lengths, the first bytes are what matters.
            most = SLICE
        elif fault in ("cut", "reset"):
            if self.spoilt != self.direction.spoilt:
                self.spoilt = self.direction.spoilt
                self.spared = self.direction.chance.randrange(SPARED_MOST)
            most = max(self.spared, 1)
            self.spared -= min(most, len(data))
        return data[:most], data[most:]


class Link:
    """A port that leads to another one; made by a network."""

    def __init__(self, network, target):
        self.network, self.target = network, target
        self.port = free_port()
        self.directions = {name: Direction(network.chance) for name in DIRECTIONS}
        self.listener, self.accepting = None, None
        self.carried = set()
        network.call(self.open)

    # In the network's thread.

    def open(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(64)
        self.listener.setblocking(False)
        self.accepting = asyncio.get_running_loop().create_task(self.accept(self.listener))

    def shut(self):
        """Refuses who connects, and resets who is connected."""
        if self.listener:
            self.accepting.cancel()
            self.listener.close()
            self.listener = None
        for task in self.carried:
            task.cancel()

    async def accept(self, listener):
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(listener)
            task = loop.create_task(self.carry(client))
            self.carried.add(task)
            task.add_done_callback(self.carried.discard)

    async def carry(self, client):
        server = socket.socket()
        reset = True
        pumps = []
        try:
            for end in (client, server):
                end.setblocking(False)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(server, ("127.0.0.1", self.target))
            pumps = [loop.create_task(Pump(self.directions["up"], client, server).run()),
                     loop.create_task(Pump(self.directions["down"], server, client).run())]
            await asyncio.gather(*pumps)
            reset = False
        except Broken as how:
            reset = how.reset
        except OSError:
            pass
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for end in (client, server):
                if reset:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.close()

    # For everybody.

    def spoil(self, fault, direction="up"):
        assert fault in FAULTS and direction in DIRECTIONS
        if fault == "down":
            self.network.call(self.shut)
        else:
            self.network.call(self.directions[direction].spoil, fault)

    def heal(self):
        def mend():
            for direction in self.directions.values():
                direction.heal()
            if not self.listener:
                self.open()
        self.network.call(mend)


class Network:
    """The thread in which links live."""

    def __init__(self, seed=0):
        self.chance = random.Random(seed)
        self.links = []
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def call(self, function, *arguments):
        """Runs a function in the network's thread, and waits for it."""
        async def run():
            return function(*arguments)
        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(60)

    def link(self, target):
        self.links.append(Link(self, target))
        return self.links[-1]

    def heal(self):
        for link in self.links:
            link.heal()

    def close(self):
        async def end():
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for link in self.links:
                link.shut()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        asyncio.run_coroutine_threadsafe(end(), self.loop).result(60)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(60)
        self.loop.close()
