"""Mail to another host: what waits for one that came back, and many sessions with one that is slow."""
import threading, time

import servers
from servers import wait_for


class Peak:
    """The most connections that anybody has had to a port at once, sampled."""

    def __init__(self, port):
        self.port, self.most, self.stop = f':{port:04X}', 0, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stop.wait(.02):
            n = sum(1 for l in open('/proc/net/tcp') if l.split()[2].endswith(self.port) and l.split()[3] == '01')
            self.most = max(self.most, n)

    def end(self):
        self.stop.set()
        self.thread.join()
        return self.most


def drain(bench, server, n):
    """(messages per second, connections at once) from the flush to the last arrival"""
    load = bench.load
    load.end()  # nobody listens: everything is deferred
    server.restart('drain')
    load.source(server.smtp, 'somebody@remote.test', n, True)
    wait_for(f'{n} deferred messages', 120, lambda: server.deferred() >= n, .2)
    load.sink_start()
    peak = Peak(load.port)
    began = time.monotonic()
    server.flush()
    wait_for(f'{n} messages', 200, lambda: load.sunk() >= n)
    return n / (time.monotonic() - began), peak.end()


def sessions(bench, server, n):
    """(sessions at once, kB for each) with a host that takes its time to answer"""
    load = bench.load
    load.end()
    server.restart('sessions')
    load.sink_start('-w', '20', '-m', str(n + 100))
    time.sleep(.5)
    before = servers.memory(server.group.pids())
    peak = Peak(load.port)
    load.source(server.smtp, 'somebody@remote.test', n // 10, True, rcpts=10)
    try:
        wait_for(f'{n} sessions', 60, lambda: peak.most >= n)
        return peak.most, (servers.memory(server.group.pids()) - before) / peak.most
    finally:
        peak.end()
        load.end()
