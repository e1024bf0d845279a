#!/usr/bin/python3
"""Does the time of an answer tell whether there is such an account? Welch's t of wrong passwords of accounts that
there are against accounts that there are not, by IMAP without any delay that hides it, and of SCRAM's salts.

    tests/timing.py [--tries 20000] [--limit 4.5]

Prints t and fails above the limit. It wants a quiet machine, so it is no part of make check.
"""
import argparse, base64, math, os, random, socket, statistics, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'scenario'))
from conftest import running

CONF = '''imap_failure_delay = 0ms
auth_tries_per_minute = 0
imap_workers = 1
sasl_mechanisms = {"SCRAM-SHA-256", "PLAIN"}
'''


def welch(a, b):
    va, vb = statistics.variance(a) / len(a), statistics.variance(b) / len(b)
    return (statistics.mean(a) - statistics.mean(b)) / math.sqrt(va + vb)


def trimmed(values):
    """Without the slowest tenth: what the scheduler did."""
    return sorted(values)[:len(values) * 9 // 10]


class Client:
    def __init__(self, suite):
        self.suite, self.left = suite, 0

    def ask(self, line):
        if self.left == 0:  # ten errors end a connection
            self.socket = socket.create_connection((self.suite.host, self.suite.imap_port), 30)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket.recv(4096)
            self.left = 8
        self.left -= 1
        began = time.perf_counter()
        self.socket.sendall(line)
        answer = self.socket.recv(4096)
        return time.perf_counter() - began, answer


def password(client, name):
    took, answer = client.ask(b'a LOGIN %s wrong\r\n' % name)
    assert b'AUTHENTICATIONFAILED' in answer, answer
    return took


def salt(client, name):
    took, answer = client.ask(b'a AUTHENTICATE SCRAM-SHA-256 %s\r\n' % base64.b64encode(b'n,,n=%s,r=abcdefgh' % name))
    assert answer.startswith(b'+ '), answer
    client.socket.sendall(b'*\r\n')
    assert client.socket.recv(4096).startswith(b'a BAD')
    return took


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--tries', type=int, default=20000, help='of each kind')
    p.add_argument('--limit', type=float, default=4.5)
    o = p.parse_args()
    worst = 0
    with running(conf=CONF, users=20) as s:
        s.tool('domain', 'set', '--scram', 'on', 'example.test')
        for a in s.accounts:
            s.tool('user', 'passwd', '--password-stdin', a['address'], input=a['password'] + '\n')
        client = Client(s)
        for what in (password, salt):
            times = {True: [], False: []}
            for _ in range(200):
                what(client, b'user1@example.test')
            for _ in range(o.tries):
                n = random.randrange(1, 21)
                for known in random.sample((True, False), 2):  # in any order, and close to each other
                    times[known].append(what(client, b'%s%d@example.test' % (b'user' if known else b'nobd', n)))
            t = welch(trimmed(times[True]), trimmed(times[False]))
            worst = max(worst, abs(t))
            print(f'{what.__name__}: t = {t:.2f}, {o.tries} tries each, median {statistics.median(times[True]) * 1e6:.0f} us known, '
                  f'{statistics.median(times[False]) * 1e6:.0f} us unknown', flush=True)
    raise SystemExit(worst > o.limit)


if __name__ == '__main__':
    main()
