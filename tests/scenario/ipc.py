"""The other end of a program's channels, for tests that play master and its peers (lib/base/ipc.h, lib/proto/boot.h).

    with Program('services-fetch', 'ROLE_FETCH', conf, calls=['CALLS_CONNECT'], peers=['ROLE_RESOLVER']) as p:
        p.peers['ROLE_RESOLVER'].receive()
"""
import array, os, pathlib, re, socket, struct, subprocess, sys, tempfile, threading

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / 'tests'))
from instances import FIRST_UID, ROLES

CONTROL, PATIENCE = 3, 20
REPLY, MORE = 1, 2


def numbers(*headers):
    """The constants of the enums in these headers of ours."""
    found = {}
    for h in headers:
        text = re.sub(r'/\*.*?\*/', '', (TOP / 'lib' / h).read_text(), flags=re.S)
        for body in re.findall(r'\benum\b[^{;]*\{(.*?)\}', text, re.S):
            n = -1
            for item in filter(None, (i.strip() for i in body.split(','))):
                name, eq, value = (x.strip() for x in item.partition('='))
                try:
                    n = eval(value, {}, found) if eq else n + 1
                except (NameError, SyntaxError):
                    continue
                found[name] = n
    return found


N = numbers('proto/role.h', 'proto/root_types.h', 'proto/types.h', 'base/sandbox.h', 'net/dns.h', 'proto/fetch.h')


class Put(bytes):
    """Fields, as put_x() writes them: Put().u8(1).str('x')"""
    def u8(self, v): return Put(self + struct.pack('<B', v))
    def u16(self, v): return Put(self + struct.pack('<H', v))
    def u32(self, v): return Put(self + struct.pack('<I', v))
    def u64(self, v): return Put(self + struct.pack('<Q', v))
    def str(self, v):
        v = v.encode() if isinstance(v, str) else v
        return Put(self + struct.pack('<I', len(v)) + v)


class Get:
    def __init__(self, body): self.body, self.at = body, 0
    def number(self, form, n):
        self.at += n
        return struct.unpack('<' + form, self.body[self.at - n:self.at])[0]
    def u8(self): return self.number('B', 1)
    def u16(self): return self.number('H', 2)
    def u32(self): return self.number('I', 4)
    def u64(self): return self.number('Q', 8)
    def str(self):
        n = self.u32()
        self.at += n
        return self.body[self.at - n:self.at]


class Packet:
    def __init__(self, data, fds):
        self.version, self.flags, self.type, self.id, self.gen, n, _ = struct.unpack('<BBHIIII', data[:20])
        self.body, self.fds = data[20:], fds
        assert len(self.body) == n


class Channel:
    def __init__(self):
        self.sock, self.other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.other.setblocking(False)
        self.sock.settimeout(PATIENCE)
        self.last, self.lock = 0, threading.Lock()

    def send(self, kind, body=b'', fds=(), flags=0, id=0, gen=0):
        head = struct.pack('<BBHIIII', 1, flags, N[kind] if isinstance(kind, str) else kind, id, gen, len(body), len(fds))
        extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))] if fds else []
        self.sock.sendmsg([head + body], extra)

    def receive(self):
        """The next packet, or None when the other end has closed."""
        data, extra, _, _ = self.sock.recvmsg(70000, socket.CMSG_SPACE(64))
        fds = array.array('i')
        for level, what, raw in extra:
            if (level, what) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(raw[:len(raw) // 4 * 4])
        return Packet(data, list(fds)) if data else None

    def request(self, kind, body):
        self.last += 1
        self.send(kind, body, id=self.last, gen=1)
        return self.last

    def ask(self, kind, body):
        """The answer to a request; one at a time."""
        with self.lock:
            id = self.request(kind, body)
            p = self.receive()
            assert p is None or (p.id == id and p.flags & REPLY)
            return p

    def answer(self, p, body):
        self.send(p.type, body, flags=REPLY, id=p.id, gen=p.gen)

    def close(self):
        self.sock.close()
        self.other.close()


def spawn(program, end, **kw):
    """Starts it with `end` as its descriptor 3 and nothing else."""
    def child():
        os.dup2(end.fileno(), CONTROL)
        os.set_inheritable(CONTROL, True)
        os.closerange(CONTROL + 1, 256)
    return subprocess.Popen([program], preexec_fn=child, close_fds=False, stdin=subprocess.DEVNULL, env={}, **kw)


def settings(libexec, conf, role):
    """The sealed settings of that role, as master/config makes them."""
    if os.geteuid() == 0:
        conf += ''.join(f'user_{r} = "{FIRST_UID + i}"\n' for i, r in enumerate(ROLES))
    with tempfile.NamedTemporaryFile('w', suffix='.conf') as f:
        f.write(conf)
        f.flush()
        c = Channel()
        p = spawn(libexec / 'master-config', c.other)
        c.other.close()
        c.send('CONFIG_READ', Put().str(f.name).u8(1))
        fd, says = None, ''
        while (m := c.receive()) is not None and m.type != N['CONFIG_PLAN']:
            if m.type == N['CONFIG_SAYS']:
                says += Get(m.body).str().decode()
            elif m.type == N['CONFIG_SETTINGS'] and m.body[0] == N[role]:
                fd = m.fds.pop()
            for other in m.fds:
                os.close(other)
        p.wait(PATIENCE)
        c.sock.close()
    assert fd is not None, says
    return fd


class Program:
    def __init__(self, name, role, conf, calls, peers, build=TOP / 'build'):
        libexec = pathlib.Path(build) / 'libexec'
        self.log = tempfile.TemporaryFile('w+')
        self.control = Channel()
        self.peers = {r: Channel() for r in peers}
        fd = settings(libexec, conf, role)
        self.process = spawn(libexec / name, self.control.other, stderr=self.log)
        privilege = Put().u32(sum(N[c] for c in calls)).u64(0).u32(0).u32(0).u32(0).u32(0).u32(256).u64(0).u64(0).u8(0).u8(0)
        self.control.send('BOOT_BEGIN', Put().u8(N[role]).u16(0) + privilege + Put().str(''), [fd])
        os.close(fd)
        for r, c in self.peers.items():
            self.control.send('BOOT_PEER', Put().u8(N[r]).u16(0), [c.other.fileno()])
        self.control.send('BOOT_GO')
        for c in [self.control, *self.peers.values()]:
            c.other.close()
        m = self.control.receive()
        self.said = Get(m.body).str().decode() + ': ' + Get(m.body[4 + struct.unpack('<I', m.body[:4])[0]:]).str().decode() \
            if m.type == N['BOOT_FATAL'] else None

    def __enter__(self):
        assert self.said is None, self.said
        return self

    def events(self):
        self.log.seek(0)
        return self.log.read()

    def end(self):
        """Its exit status, once it has been told to end."""
        self.control.send('BOOT_DRAIN')
        return self.process.wait(PATIENCE)

    def close(self):
        for c in [self.control, *self.peers.values()]:
            c.close()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(PATIENCE)
        self.log.close()

    def __exit__(self, *exc):
        try:
            if exc[0] is None:
                assert self.process.poll() is None, self.events()
                assert self.end() == 0, self.events()
        finally:
            self.close()
