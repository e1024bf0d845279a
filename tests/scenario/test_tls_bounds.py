"""What bad TLS costs: memory per connection, processor time per attack, one line in the log; and that others are served."""
import json, os, resource, socket, ssl
import pytest
from conftest import running
from test_tls import hello

CONF = '''imap_workers = 1
submission_workers = 1
imap_client_connections = 0
smtp_client_connections = 0
smtp_client_connection_rate = 0
smtp_client_error_rate = 0
'''
KB = 1024
TICKS = os.sysconf('SC_CLK_TCK')
N = 400


@pytest.fixture(scope='module')
def suite():
    with running(conf=CONF) as s:
        yield s


@pytest.fixture(autouse=True)
def descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))


def server(suite, port):
    """The process that serves that port."""
    name = 'imapd-login' if port == suite.imaps else 'smtpd-submit'
    rows = [json.loads(l) for l in suite.tool('status', '--json').stdout.splitlines()]
    pids = [r['pid'] for r in rows if r.get('process', '').replace('_', '-') in (name, name.replace('imapd-', ''), name.replace('smtpd-', ''))]
    assert len(pids) == 1, [r.get('process') for r in rows]
    return pids[0]


def memory(pid):
    """Bytes that are its own."""
    lines = open(f'/proc/{pid}/smaps_rollup').read().splitlines()
    return sum(int(l.split()[1]) for l in lines if l.startswith(('Private_Dirty:', 'Private_Clean:'))) * KB


def processor(pid):
    f = open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()
    return (int(f[11]) + int(f[12])) / TICKS


def connect(suite, port):
    return socket.create_connection((suite.host, port), timeout=20)


def served(suite, port):
    """Somebody else's handshake; it comes behind all that arrived before."""
    c = ssl.create_default_context(cafile=suite.ca)
    with c.wrap_socket(connect(suite, port), server_hostname='localhost') as s:
        assert s.recv(100)[:1] in b'*2'


def growth(suite, port, send):
    """(before, then) bytes of the process; then = with N connections that have said that and are waited for."""
    pid = server(suite, port)
    served(suite, port)
    before, descriptors = memory(pid), len(os.listdir(f'/proc/{pid}/fd'))
    held = []
    for _ in range(N):
        s = connect(suite, port)
        s.sendall(send)
        held.append(s)
    served(suite, port)
    after = memory(pid)
    for s in held:
        s.close()
    suite.wait_for(lambda: len(os.listdir(f'/proc/{pid}/fd')) <= descriptors)
    return before, after


def long_hello(good):
    """One that announces an extension of 64 KB, cut in records of the largest size, and never ends."""
    ext = good.index(b'\x00\x00\x00\x0e\x00\x0c\x00\x00\x09localhost')
    body = good[9:ext] + b'\x00\x00\xff\xff' + b'x' * 60000
    message = b'\x01' + (len(body) + 5000).to_bytes(3, 'big') + body
    parts = [message[i:i + 16384] for i in range(0, len(message), 16384)]
    return b''.join(b'\x16\x03\x01' + len(p).to_bytes(2, 'big') + p for p in parts)


@pytest.mark.parametrize('what,most', [('nothing', 16), ('half', 64), ('answered', 64), ('record', 64), ('huge', 128)])
def test_memory_of_those_who_wait(new_suite, what, most):
    """
    Connections that say nothing, half a hello, a hello and no more, the head of a record, 60 KB of a hello that does not end.
    Each in processes of its own: what others have left would hide what it takes.
    """
    suite = new_suite(conf=CONF)
    good = hello(suite)
    send = {'nothing': b'', 'half': good[:len(good) // 2], 'answered': good, 'record': b'\x16\x03\x01\x40\x00' + b'\x01\x00\x3f\xfc',
            'huge': long_hello(good)}[what]
    for service in ('imaps', 'submissions'):
        before, first = growth(suite, getattr(suite, service), send)
        print(f'{service} {what}: {(first - before) / N / KB:.1f} KB each')
        assert first - before <= N * most * KB
        # their ends take some as well; then what others have left is used again, and it grows no more
        rounds = [first]
        while len(rounds) < 2 or rounds[-1] - rounds[-2] >= N * KB:
            assert len(rounds) < 10, rounds
            rounds.append(growth(suite, getattr(suite, service), send)[1])


@pytest.mark.parametrize('service', ['imaps', 'submissions'])
def test_nothing_leaks(suite, service):
    port = getattr(suite, service)
    pid, good = server(suite, port), hello(suite)
    bad = [b'GET / HTTP/1.0\r\n\r\n', good[:200], good[:-1] + b'\xff', b'\x16\x03\x01\xff\xff' + b'A' * 20000, good.replace(b'localhost', b'local\0ost'),
           good + b'\x17\x03\x03\x00\x05xxxxx']

    def attack():
        for i in range(N):
            with connect(suite, port) as s:
                s.sendall(bad[i % len(bad)])
                s.shutdown(socket.SHUT_WR)
                try:
                    while s.recv(65536):
                        pass
                except ConnectionError:
                    pass
        served(suite, port)
        return memory(pid)

    attack()
    first = attack()
    time, last = processor(pid), attack()
    time = processor(pid) - time
    print(f'{service}: {time / N * 1000:.2f} ms each, {(last - first) / KB:.0f} KB more after {N} others')
    assert last - first < 512 * KB
    assert time / N < 0.02  # seconds of processor time for one that is refused
