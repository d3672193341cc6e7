"""Sends vectors on raw sockets, in pieces that arrive one by one, and judges what comes back."""
import re
import selectors

from support.wire import Transcript, Wire

from vectors import ACCEPT, REFUSE

DATE = re.compile(rb"Date: [^\r]*\r\n")


def is_accepted(vector, transcript):
    return (len(transcript.replies) == vector.requests and not transcript.rest
            and all(200 <= status < 300 for status in transcript.statuses))


def is_refused(transcript):
    """One refusal or not a word, and the end of the connection."""
    if not transcript.closed:
        return False
    if not transcript.raw:
        return True
    return (len(transcript.replies) == 1 and not transcript.raw.startswith(b"HTTP/0")
            and all(400 <= status < 500 or status in (501, 505)
                    for status in transcript.statuses)
            and (not transcript.rest or transcript.said_twice))


def is_right(vector, transcript):
    if vector.expect == ACCEPT:
        return is_accepted(vector, transcript)
    if vector.expect == REFUSE:
        return is_refused(transcript)
    return is_accepted(vector, transcript) or is_refused(transcript) or (
        # A length is asked for, or a method refused, without an end of the connection.
        len(transcript.replies) == 1 and transcript.statuses[0] in (405, 411))


def signature(vector, transcript):
    """What must not depend on how a vector was cut: new users are all different."""
    if is_accepted(vector, transcript):
        return tuple(transcript.statuses), False
    return DATE.sub(b"", transcript.raw), transcript.closed


class Barrier:
    """
    Passes when all that was sent before has been read by a server of one thread: what it answers
    in the second of two turns of its loop, it looks at after everything that waited in the first.
    """

    def __init__(self, client):
        self.client = client

    def __call__(self):
        for _ in range(2):
            assert self.client.get("/api/health").status == 200


def play(port, cuts, barrier):
    """Sends each list of pieces on a connection of its own, all in step; open wires."""
    wires = [Wire(port) for _ in cuts]
    for step in range(max(len(pieces) for pieces in cuts)):
        if step:
            barrier()
        for wire, pieces in zip(wires, cuts):
            if step < len(pieces):
                wire.send(pieces[step])
    return wires


def listen(vectors, wires, barrier):
    """What came back on each wire: until it was closed, or all that was due was there."""
    transcripts = []
    for vector, wire in zip(vectors, wires):
        if vector.expect == REFUSE:
            wire.read_to_end()
        else:
            wire.read_replies(vector.requests)
    # Whatever is sent beyond is there by now.
    barrier()
    for wire in wires:
        transcripts.append(wire.read_what_is_there())
        wire.socket.close()
    return transcripts


def listen_until_quiet(wires, seconds):
    """What came back on each wire until all were closed, or none said a word for so long."""
    selector = selectors.DefaultSelector()
    for wire in wires:
        selector.register(wire.socket, selectors.EVENT_READ, wire)
    while selector.get_map() and (ready := selector.select(seconds)):
        for key, _ in ready:
            if not key.data.receive():
                selector.unregister(key.fileobj)
    selector.close()
    transcripts = [Transcript(wire.received, wire.closed) for wire in wires]
    for wire in wires:
        wire.socket.close()
    return transcripts
