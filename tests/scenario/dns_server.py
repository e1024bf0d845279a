"""DNS for tests: zones of the test's own, signed where it says so, served by NSD on a high port; and a server that lies.

    with Zones({'.': {...}, 'secure.test': {...}}, signed=['.', 'secure.test']) as zones:
        conf = zones.settings()

A zone is a dict of owner (relative to the zone, '@' for itself) -> 'TYPE data' or a list of them; names in the data
are relative as well, unless they end in a dot. Every zone but the root is delegated from the root, with a DS record
when it is signed; `others` are zones that somebody else serves, by port.
"""
import pathlib, shutil, signal, socket, socketserver, struct, subprocess, sys, tempfile, threading, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import peers
from ports import free_port


class Zones:
    """Zones on one NSD at 127.0.0.1, or at port 53 of these addresses. tamper: zone -> function(text of the signed file) -> text."""

    def __init__(self, zones, signed=(), tamper=None, others=None, addresses=None):
        self.zones, self.signed, self.tamper, self.others = zones, list(signed), tamper or {}, others or {}
        self.top = pathlib.Path(tempfile.mkdtemp(prefix='thurn-dns-'))
        self.addresses = addresses or ['127.0.0.1']
        self.port = 53 if addresses else free_port()
        self.serial = 1
        self.ds, self.keys = {}, {}

    # --- zone files

    def file(self, zone):
        return self.top / ('root.zone' if zone == '.' else f'{zone}.zone')

    def text(self, zone):
        origin = '.' if zone == '.' else f'{zone}.'
        lines = [f'$ORIGIN {origin}', '$TTL 300', f'@ SOA ns.invalid. hostmaster.invalid. {self.serial} 3600 600 86400 60', '@ NS ns.invalid.']
        for owner, records in self.zones[zone].items():
            lines += [f'{owner} {r}' for r in ([records] if isinstance(records, str) else records)]
        if zone == '.':
            for child in [z for z in self.zones if z != '.'] + list(self.others):
                lines += [f'{child}. NS ns.invalid.'] + self.ds.get(child, [])
        return '\n'.join(lines) + '\n'

    def sign(self, zone):
        run = lambda *a: subprocess.run(a, cwd=self.top, check=True, capture_output=True, text=True).stdout
        key = self.keys[zone] = self.keys.get(zone) or run('ldns-keygen', '-a', 'ECDSAP256SHA256', '-k', zone).strip()
        run('ldns-signzone', '-n', '-f', str(self.file(zone)) + '.signed', self.file(zone), key)
        signed = self.file(zone).with_name(self.file(zone).name + '.signed')
        self.file(zone).write_text(self.tamper.get(zone, lambda t: t)(signed.read_text()))
        self.ds[zone] = [' '.join(l.split()) for l in (self.top / f'{key}.ds').read_text().splitlines()]

    def write(self):
        for zone in sorted(self.zones, key=lambda z: z == '.'):  # the root last: it names the keys of the others
            self.file(zone).write_text(self.text(zone))
            if zone in self.signed:
                self.sign(zone)

    # --- the server

    def __enter__(self):
        root = peers.root('nsd')
        self.write()
        conf = self.top / 'nsd.conf'
        conf.write_text('server:\n' + ''.join(f' ip-address: {a}@{self.port}\n' for a in self.addresses) + f' username: ""\n chroot: ""\n zonesdir: "{self.top}"\n'
                        f' database: ""\n pidfile: ""\n logfile: "{self.top}/nsd.log"\n xfrdfile: ""\n zonelistfile: "{self.top}/list"\n'
                        f' xfrdir: "{self.top}"\n rrl-ratelimit: 0\n server-count: 1\n'
                        'remote-control:\n control-enable: no\n'
                        + ''.join(f'zone:\n name: "{z}"\n zonefile: "{self.file(z).name}"\n' for z in self.zones))
        self.process = subprocess.Popen([root / 'usr/sbin/nsd', '-d', '-c', conf], env=peers.run_env(root),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait()
        return self

    def update(self, zone, owner, records):
        """Other records for that owner, from now on; caches go by the TTL of the old ones."""
        self.zones[zone][owner] = records
        self.serial += 1
        self.write()
        self.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 20
        while self.served(zone) != self.serial:
            assert time.monotonic() < until, 'nsd does not reload'
            time.sleep(0.02)

    def served(self, zone):
        """Its serial number."""
        out = subprocess.run(['drill', '-p', str(self.port), f'@{self.addresses[0]}', zone, 'SOA'], capture_output=True, text=True).stdout
        soa = [l.split() for l in out.splitlines() if '\tSOA\t' in l and not l.startswith(';')]
        return int(soa[0][6]) if soa else 0

    def wait(self):
        query = struct.pack('!6H', 7, 0, 1, 0, 0, 0) + name(next(iter(self.zones))) + struct.pack('!2H', 6, 1)
        until = time.monotonic() + 20
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.1)
            while time.monotonic() < until and self.process.poll() is None:
                try:
                    s.sendto(query, (self.addresses[0], self.port))
                    if s.recv(4096)[3] & 15 == 0:
                        return
                except OSError:
                    pass
        raise AssertionError('nsd does not serve: ' + (self.top / 'nsd.log').read_text())

    def __exit__(self, *exc):
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.top, ignore_errors=True)

    def settings(self):
        stubs = [f'{z}=[127.0.0.1]:{self.port}' for z in self.zones] + [f'{z}=[127.0.0.1]:{p}' for z, p in self.others.items()]
        ports = ', '.join(map(str, [self.port, *self.others.values()]))
        anchors = ''.join(f'dns_trust_anchors = {{"{a}"}}\n' for a in self.ds.get('.', [])[:1])
        listed = ', '.join(f'"{s}"' for s in stubs)
        return f'dns_stub_zones = {{{listed}}}\ndns_ports = {{{ports}}}\n' + anchors


# --- a server of raw bytes

def name(text):
    return b''.join(bytes([len(l)]) + l.encode() for l in text.split('.') if l) + b'\0'


def record(owner, kind, data, ttl=60):
    owner = owner if isinstance(owner, bytes) else name(owner)
    return owner + struct.pack('!2HIH', kind, 1, ttl, len(data)) + data


class Liar:
    """Answers by UDP and TCP with what plan[(name, type)] makes of the query: a function(query) -> bytes or None."""

    def __init__(self):
        self.plan, self.asked = {}, []
        self.port = free_port()
        liar = self

        class Udp(socketserver.BaseRequestHandler):
            def handle(self):
                for answer in liar.answer(self.request[0]):
                    self.request[1].sendto(answer, self.client_address)

        class Tcp(socketserver.StreamRequestHandler):
            def handle(self):
                head = self.rfile.read(2)
                if len(head) == 2:
                    for answer in liar.answer(self.rfile.read(struct.unpack('!H', head)[0])):
                        self.wfile.write(struct.pack('!H', len(answer)) + answer)

        socketserver.ThreadingTCPServer.allow_reuse_address = True
        self.servers = [socketserver.ThreadingUDPServer(('127.0.0.1', self.port), Udp),
                        socketserver.ThreadingTCPServer(('127.0.0.1', self.port), Tcp)]
        for s in self.servers:
            s.daemon_threads = True
            threading.Thread(target=s.serve_forever, args=(0.05,), daemon=True).start()

    @staticmethod
    def question(query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        return '.'.join(labels).lower(), struct.unpack('!H', query[at + 1:at + 3])[0], at + 5

    def answer(self, query):
        asked, kind, end = self.question(query)
        self.asked.append((asked, kind))
        plan = self.plan.get((asked, kind))
        if plan is None:
            return [reply(query, rcode=0)]
        out = plan(query)
        return out if isinstance(out, list) else [] if out is None else [out]

    def close(self):
        for s in self.servers:
            s.shutdown()
            s.server_close()


def reply(query, answers=(), additional=(), rcode=0, flags=0x8400, ident=None, question=None, count=None):
    _, _, end = Liar.question(query)
    ident = query[:2] if ident is None else ident
    head = struct.pack('!5H', flags | rcode, 1, len(answers) if count is None else count, 0, len(additional))
    return ident + head + (query[12:end] if question is None else question) + b''.join(answers) + b''.join(additional)
