"""A process that sends another what it does not take: the channel is dropped, both live, and it comes back."""
import ctypes, datetime, json, os, re, shutil, socket, sys
import pytest
import conftest

PIDFD_GETFD = 438
GARBAGE = b'no packet of ours'


def processes(suite):
    return [r for r in map(json.loads, suite.tool('status', '--json').stdout.splitlines()) if r.get('process')]


def channels_of(pid):
    """Copies of the channels of that process but the one to master, which is its descriptor 3."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    found = []
    for fd in os.listdir(f'/proc/{pid}/fd'):
        if fd != '3' and os.readlink(f'/proc/{pid}/fd/{fd}').startswith('socket:'):
            s = socket.socket(fileno=libc.syscall(PIDFD_GETFD, pidfd, int(fd), 0))
            if s.family == socket.AF_UNIX and s.type == socket.SOCK_SEQPACKET and s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 0:
                found.append(s)
            else:
                s.close()
    os.close(pidfd)
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason='takes descriptors out of processes')
def test_channels_come_back(new_suite):
    """Garbage from each smtpd to lookup, queue and log: mail flows again, with the same processes."""
    suite = new_suite()
    before = {(r['process'], r['pid']) for r in processes(suite)}
    suite.send('before')
    for round in range(2):
        sent = 0
        for pid in [r['pid'] for r in processes(suite) if r['process'] == 'smtpd']:
            for s in channels_of(pid):
                s.send(GARBAGE)
                s.close()
                sent += 1
        assert sent >= 3  # lookup, queue, log
        # the replaced ones are all logged, also those of the log
        suite.wait_for(lambda: len(suite.logged('channel-replaced')) >= sent * (round + 1))
        suite.send(f'after {round}')
    suite.wait_for(lambda: len(suite.messages()) == 3)
    suite.wait_for(lambda: [e for e in suite.logged('mail-accepted')][-1]['program'] == 'smtpd')
    assert {(r['process'], r['pid']) for r in processes(suite)} == before
    assert next(r for r in processes(suite) if r['process'] == 'master')['channels_replaced'] == len(suite.events('channel-replaced'))


# A deliver-remote that boots as it should and then sends garbage on every channel to the queue that it gets.
HOSTILE = r'''#!%(python)s -I
import socket, struct, time
HEAD = struct.Struct('<BBHIIII')
READY, PEER, GO, DRAIN, QUEUE = %(ready)d, %(peer)d, %(go)d, %(drain)d, %(queue)d
control = socket.socket(fileno=3)
control.setblocking(True)
peers = []
def send(type, body):
    control.send(HEAD.pack(1, 0, type, 0, 0, len(body), 0) + body)
going = False
while True:
    packet, fds, _, _ = socket.recv_fds(control, 70000, 16)
    type, body = HEAD.unpack_from(packet)[2] if packet else DRAIN, packet[HEAD.size:]
    if type == DRAIN:
        break
    if type == PEER and body[0] == QUEUE:
        peers.append(socket.socket(fileno=fds[0]))
        open(%(count)r, 'a').write('x')
    elif type == GO:
        send(READY, struct.pack('<I', 0))
        going = True
    while going and peers:
        p = peers.pop()
        p.send(b'garbage')
        send(%(lost)d, body[:3] if type == PEER else bytes([QUEUE, 0, 0]))
        for _ in range(50):  # and it lies about it
            send(%(lost)d, bytes([QUEUE, 0, 0]))
'''


def enumerators(header, name):
    """The values of a C enum, as the compiler would count them."""
    text = (conftest.TESTS.parent / 'lib/proto' / header).read_text()
    body = text.split(f'enum {name} {{', 1)[1].split('};', 1)[0]
    values, n = {}, 0
    for item in re.sub(r'/\*.*?\*/', '', body, flags=re.S).split(','):
        key, _, value = (part.strip() for part in item.partition('='))
        if key:
            n = int(value, 0) if value else n
            values[key] = n
            n += 1
    return values


def test_a_hostile_peer_cannot_spin_it(tmp_path):
    """Whoever breaks its channel again and again gets a new one less and less often; all others work."""
    types, roles = enumerators('root_types.h', 'root_type'), enumerators('role.h', 'role')
    count = tmp_path / 'count'
    build = tmp_path / 'build'
    tmp_path.chmod(0o711)
    shutil.copytree(conftest.BUILD / 'libexec', build / 'libexec')
    shutil.copytree(conftest.BUILD / 'bin', build / 'bin')
    fake = build / 'libexec/deliver-remote'
    fake.unlink()
    fake.write_text(HOSTILE % dict(python=sys.executable, ready=types['BOOT_READY'], peer=types['BOOT_PEER'], go=types['BOOT_GO'],
                                   drain=types['BOOT_DRAIN'], lost=types['BOOT_LOST'], queue=roles['ROLE_QUEUE'], count=str(count)))
    fake.chmod(0o755)
    with conftest.running(build=build) as suite:
        suite.wait_event('channel-replaced', 3)
        for i in range(10):
            suite.send(f'others {i}')
        suite.wait_for(lambda: len(suite.messages()) == 10)
        replaced = suite.events('channel-replaced')
        times = [e['fields']['times'] for e in replaced]
        assert times == list(range(1, len(times) + 1))
        assert {e['fields']['between'] for e in replaced} | {e['fields']['and'] for e in replaced} == {'queue', 'deliver-remote'}
        at = [datetime.datetime.fromisoformat(t.replace('Z', '+00:00')) for t in (e['time'] for e in replaced)]
        pauses = [(b - a).total_seconds() for a, b in zip(at, at[1:])]
        assert all(p >= 0.2 * 2 ** i for i, p in enumerate(pauses)), pauses
        assert len(count.read_text()) <= len(suite.events('channel-replaced')) + 2
        assert all(r['restarts'] == 0 for r in processes(suite) if 'restarts' in r)
