"""services/fetch between peers that test it: what may be asked, by whom, where it connects, and what servers cannot do."""
import pathlib, select, shutil, socket, ssl, sys, tempfile, threading, time
import pytest
import conftest
import https_server
from https_server import answer
from ipc import Get, N, Program, Put

sys.path.insert(0, str(conftest.TESTS))
from certificates import Authority

PATH = '/.well-known/mta-sts.txt'
CALLS = ['CALLS_CONNECT']
PEERS = ['ROLE_RESOLVER', 'ROLE_POLICY', 'ROLE_AUTH']


def context(pair):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(*pair)
    return c


class World:
    def __init__(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix='thurn-fetch-'))
        self.ca = Authority(self.top / 'ca')
        names = ['*.example.test', 'mta-sts.big.test', 'sso.test', 'reports.test']
        self.server = https_server.Server(context(self.ca.issue('good', names)))
        self.others = {
            'wrong': context(self.ca.issue('wrong', ['elsewhere.test'])),
            'expired': context(self.ca.issue('expired', names, days=5, begins=-10)),
            'stranger': context(Authority(self.top / 'other').issue('stranger', names)),
        }
        self.addresses = {}

    def conf(self, extra=''):
        p = self.server.port
        text = f'''hostname = "mx.example.test"
tls_ca_file = "{self.ca.path}"
fetch_port = {p}
fetch_ports = {{{p}}}
fetch_private_networks = {{"127.0.0.1"}}
oauth_audience = "mail"
oauth_introspection_url = "https://sso.test:{p}/introspect"
'''
        return text + extra

    def close(self):
        self.server.close()
        shutil.rmtree(self.top)


def addresses(a=(), status='DNS_OK'):
    """The answer of the resolver: AAAA none, A these."""
    def records(kind, ips):
        p = Put().u16(kind).u8(N[status] if ips or status != 'DNS_OK' else N['DNS_NODATA']).u8(0).u32(60).str('').u8(0).u32(len(ips))
        for ip in ips:
            p = p.u16(0).u8(0).u8(0).u8(0).u8(4).str(bytes(map(int, ip.split('.')))).str('')
        return p
    return Put().u8(2) + records(N['DNS_AAAA'], []) + records(N['DNS_A'], a) + Put().str('')


class Fetch(Program):
    """fetch with a resolver that knows what the test says: name -> addresses, or None for no answer at all."""
    def __init__(self, world, conf):
        super().__init__('services-fetch', 'ROLE_FETCH', conf, CALLS, PEERS, conftest.BUILD)
        self.names, self.asked = {}, []
        threading.Thread(target=self.resolve, daemon=True).start()

    def resolve(self):
        c = self.peers['ROLE_RESOLVER']
        try:
            while (m := c.receive()) is not None:
                g = Get(m.body)
                g.u64()
                name = g.str().decode()
                self.asked.append(name)
                found = self.names.get(name, ['127.0.0.1'])
                if found is not None:
                    c.answer(m, found if isinstance(found, bytes) else addresses(found))
        except OSError:
            pass

    def ask(self, kind, target, authorization='', body=b'', who='ROLE_POLICY'):
        m = self.peers[who].ask('FETCH_ASK', question(kind, target, authorization, body))
        g = Get(m.body)
        outcomes = {N[o]: o[6:].lower() for o in ('FETCH_ANSWERED', 'FETCH_REFUSED', 'FETCH_BUSY', 'FETCH_NO_ADDRESS',
                    'FETCH_NO_CONNECTION', 'FETCH_BAD_CERTIFICATE', 'FETCH_NO_ANSWER', 'FETCH_TOO_LARGE', 'FETCH_TIMEOUT')}
        return outcomes[g.u8()], g.u16(), g.str().decode(), g.str(), g.str().decode()


def question(kind, target, authorization='', body=b''):
    return Put().u64(7).u8(N[kind]).str(target).str(authorization).str(body)


@pytest.fixture(scope='module')
def world():
    w = World()
    yield w
    w.close()


@pytest.fixture
def fetch(world):
    world.server.plan.clear()
    world.server.requests.clear()
    with Fetch(world, world.conf()) as f:
        yield f


def plan(world, what, host='mta-sts.example.test', path=PATH):
    world.server.plan[host, path] = what


def test_policy(world, fetch):
    plan(world, answer(200, 'version: STSv1\n', 'text/plain; charset=utf-8'))
    outcome, status, kind, body, why = fetch.ask('FETCH_STS', 'example.test')
    assert (outcome, status, kind, body, why) == ('answered', 200, 'text/plain; charset=utf-8', b'version: STSv1\n', '')
    r, = world.server.requests
    assert (r.method, r.host, r.path, r.body) == ('GET', 'mta-sts.example.test', PATH, b'')
    assert 'cookie' not in r.headers and 'authorization' not in r.headers
    assert fetch.asked == ['mta-sts.example.test']


def test_report(world, fetch):
    plan(world, answer(201), 'reports.test', '/v1?x=1')
    assert fetch.ask('FETCH_REPORT', f'https://reports.test:{world.server.port}/v1?x=1', body=b'\x1f\x8b\0report')[:2] == ('answered', 201)
    r, = world.server.requests
    assert r.method == 'POST' and r.body == b'\x1f\x8b\0report' and r.headers['content-type'] == 'application/tlsrpt+gzip'


def test_introspection(world, fetch):
    plan(world, answer(200, '{"active":true}', 'application/json'), 'sso.test', '/introspect')
    out = fetch.ask('FETCH_INTROSPECT', '', 'Basic dGh1cm46eA==', b'token=abc', who='ROLE_AUTH')
    assert out[:2] == ('answered', 200) and out[3] == b'{"active":true}'
    r, = world.server.requests
    assert (r.method, r.host, r.body) == ('POST', 'sso.test', b'token=abc')
    assert r.headers['authorization'] == 'Basic dGh1cm46eA==' and r.headers['content-type'] == 'application/x-www-form-urlencoded'
    assert 'dGh1cm46' not in fetch.events() and 'abc' not in fetch.events()


REFUSED = [
    ('ROLE_AUTH', 'FETCH_STS', 'example.test', '', b''),
    ('ROLE_AUTH', 'FETCH_REPORT', 'https://reports.test/', '', b'x'),
    ('ROLE_POLICY', 'FETCH_INTROSPECT', '', '', b'token=a'),
    ('ROLE_AUTH', 'FETCH_INTROSPECT', 'https://elsewhere.test/', '', b'token=a'),
    ('ROLE_POLICY', 'FETCH_STS', 'example.test', 'Bearer x', b''),
    ('ROLE_POLICY', 'FETCH_STS', 'example.test', '', b'body'),
    ('ROLE_POLICY', 'FETCH_STS', 'example.test/x', '', b''),
    ('ROLE_POLICY', 'FETCH_STS', 'a@example.test', '', b''),
    ('ROLE_POLICY', 'FETCH_STS', 'example.test:22', '', b''),
    ('ROLE_POLICY', 'FETCH_STS', '', '', b''),
    ('ROLE_POLICY', 'FETCH_STS', 'x.' * 126 + 'test', '', b''),
    ('ROLE_POLICY', 'FETCH_REPORT', 'http://reports.test/', '', b'x'),
    ('ROLE_POLICY', 'FETCH_REPORT', 'file:///etc/passwd', '', b'x'),
    ('ROLE_POLICY', 'FETCH_REPORT', 'https://user:pw@reports.test/', '', b'x'),
    ('ROLE_POLICY', 'FETCH_REPORT', 'https://reports.test/a b', '', b'x'),
    ('ROLE_POLICY', 'FETCH_REPORT', 'https://reports.test:0/', '', b'x'),
    ('ROLE_POLICY', 'FETCH_REPORT', 'https:///nowhere', '', b'x'),
    ('ROLE_POLICY', 'FETCH_REPORT', 'reports.test', '', b'x'),
]


@pytest.mark.parametrize('who, kind, target, authorization, body', REFUSED, ids=lambda x: str(x)[:40])
def test_refused(world, fetch, who, kind, target, authorization, body):
    before = world.server.connections
    assert fetch.ask(kind, target, authorization, body, who)[0] == 'refused'
    assert fetch.asked == [] and world.server.connections == before


@pytest.mark.parametrize('ip', ['10.0.0.1', '127.0.0.2', '169.254.169.254', '192.168.1.1', '0.0.0.0', '224.0.0.1', '100.64.0.1'])
def test_private_addresses(world, fetch, ip):
    """Whatever a zone says: neither by name nor as it is."""
    before = world.server.connections
    fetch.names['mta-sts.example.test'] = [ip]
    assert fetch.ask('FETCH_STS', 'example.test')[::4] == ('no_address', 'it has private addresses only')
    assert fetch.ask('FETCH_REPORT', f'https://{ip}/', body=b'x')[::4] == ('no_address', 'that is a private address')
    assert fetch.ask('FETCH_REPORT', 'https://[::1]/', body=b'x')[0] == 'no_address'
    assert fetch.ask('FETCH_REPORT', f'https://[::ffff:{ip}]/', body=b'x')[0] == 'no_address'
    assert world.server.connections == before


ODD_HOSTS = {
    'refused': ['-.example.test', '-x.example.test', '%2dx.example.test', '*.example.test', '+.example.test', 'a,b.example.test', 'a%00.example.test',
                'a%3a1.example.test', '%c3%a4.example.test', 'x.example.test.', 'x.example.test..', 'localhost.', '127.0.0.1.'],
    'no_address': ['[fe80::1%25lo]', '[::1]'],
    'bad_certificate': ['localhost', 'x.localhost', '127.1', '0x7f.1', '[::ffff:127.0.0.1]'],
    'answered': ['X.Example.TEST', 'a_b.example.test', 'xn--zca.example.test', 'xn--.example.test', 'x' * 63 + '.example.test'],
}


@pytest.mark.parametrize('outcome, host', [(o, h) for o, hosts in ODD_HOSTS.items() for h in hosts])
def test_odd_hosts(world, fetch, outcome, host):
    """Whatever a host is called: the resolver is asked, or nobody; and others are served."""
    assert fetch.ask('FETCH_REPORT', f'https://{host}:{world.server.port}/', body=b'x')[0] == outcome
    plan(world, answer(200, '{}'), 'sso.test', '/introspect')
    assert fetch.ask('FETCH_INTROSPECT', '', body=b'token=a', who='ROLE_AUTH')[1] == 200


def test_ports(world, fetch):
    """To a port that no setting names, the kernel lets nobody connect."""
    with socket.create_server(('127.0.0.1', 0)) as s:
        out = fetch.ask('FETCH_REPORT', f'https://reports.test:{s.getsockname()[1]}/', body=b'x')
        assert out[0] == 'no_connection', out
        s.settimeout(0.05)
        with pytest.raises(TimeoutError):
            s.accept()


def test_dns(fetch):
    fetch.names['mta-sts.example.test'] = addresses()
    assert fetch.ask('FETCH_STS', 'example.test')[::4] == ('no_address', 'it has no address')
    fetch.names['mta-sts.example.test'] = addresses(status='DNS_TEMPORARY')
    assert fetch.ask('FETCH_STS', 'example.test')[::4] == ('no_address', 'DNS does not tell its address')
    fetch.names['mta-sts.example.test'] = b'nonsense'
    assert fetch.ask('FETCH_STS', 'example.test')[0] == 'no_address'


@pytest.mark.parametrize('kind', ['wrong', 'expired', 'stranger'])
def test_certificates(world, fetch, kind):
    plan(world, answer(200, 'x'))
    world.server.context, good = world.others[kind], world.server.context
    try:
        out = fetch.ask('FETCH_STS', 'example.test')
        assert out[0] == 'bad_certificate' and out[4] != '' and world.server.requests == []
    finally:
        world.server.context = good


def trickle(c, request):
    c.sendall(b'HTTP/1.1 200 OK\r\n\r\n')
    for _ in range(100):
        c.sendall(b'x')
        time.sleep(0.05)


def flood(c, request):
    c.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n')
    while True:
        c.sendall(b'x' * 65536)


def headers(c, request):
    c.sendall(b'HTTP/1.1 200 OK\r\n')
    while True:
        c.sendall(b'X-Filler: ' + b'y' * 1000 + b'\r\n')


BAD = {
    'no_answer closed': lambda c, r: None,
    'no_answer garbage': b'\0\1\2\3 what is this\r\n\r\n',
    'no_answer old': b'just text, as in HTTP 0.9\n',
    'no_answer short': b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort',
    'no_answer status': b'HTTP/1.1 2000000 OK\r\n\r\n',
    'too_large flood': flood,
    'too_large said': b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n',
    'too_large headers': headers,
}


@pytest.mark.parametrize('what', BAD)
def test_bad_answers(world, fetch, what):
    plan(world, BAD[what])
    out = fetch.ask('FETCH_STS', 'example.test')
    assert out[0] == what.split()[0], out
    plan(world, answer(200, 'fine'))
    assert fetch.ask('FETCH_STS', 'example.test')[3] == b'fine'


def test_largest_answer(world, fetch):
    plan(world, answer(200, 'x' * N['FETCH_ANSWER_MAX']))
    assert len(fetch.ask('FETCH_STS', 'example.test')[3]) == N['FETCH_ANSWER_MAX']
    plan(world, answer(200, 'x' * (N['FETCH_ANSWER_MAX'] + 1)))
    assert fetch.ask('FETCH_STS', 'example.test')[0] == 'too_large'


def test_redirects_are_not_followed(world, fetch):
    plan(world, answer(302, '', headers=[f'Location: https://sso.test:{world.server.port}/introspect']))
    plan(world, answer(200, 'wrong'), 'sso.test', '/introspect')
    assert fetch.ask('FETCH_STS', 'example.test')[:2] == ('answered', 302)
    assert len(world.server.requests) == 1


def test_content_type_of_a_liar(world, fetch):
    """What ends up in lines has no control characters, however it came."""
    plan(world, b'HTTP/1.1 200 OK\r\nContent-Type: text/\x07plain\r\nContent-Length: 1\r\n\r\nx')
    assert fetch.ask('FETCH_STS', 'example.test')[2] == ''


def test_time(world):
    """A server, and a resolver, that let one wait."""
    with Fetch(world, world.conf('fetch_timeout = 500ms\n')) as f:
        for what in (world.server.stall, trickle):
            plan(world, what)
            assert f.ask('FETCH_STS', 'example.test')[0] == 'timeout'
        f.names['mta-sts.example.test'] = None
        assert f.ask('FETCH_STS', 'example.test')[::4] == ('no_address', 'the resolver does not answer')


def test_many_at_once(world, fetch):
    """More than may be under way: the rest hears it at once, and a peer that goes takes its own with it."""
    plan(world, world.server.stall)
    policy = fetch.peers['ROLE_POLICY']
    for _ in range(80):
        policy.request('FETCH_ASK', question('FETCH_STS', 'example.test'))
    busy = [Get(policy.receive().body).u8() for _ in range(16)]
    assert busy == [N['FETCH_BUSY']] * 16
    plan(world, answer(200, '{}'), 'sso.test', '/introspect')
    assert fetch.ask('FETCH_INTROSPECT', '', body=b'token=a', who='ROLE_AUTH')[1] == 200  # others are not kept from it
    policy.sock.shutdown(2)
    # a fixture that ends fetch waits for whoever is left: nobody is


def test_one_kind_does_not_keep_another_waiting(world):
    """Hosts of strangers that take connections and say nothing: as many as there may be, of two kinds."""
    p = world.server.port
    with socket.create_server(('127.0.0.1', 0), backlog=256) as silent:
        q = silent.getsockname()[1]
        conf = world.conf().replace(f'fetch_port = {p}', f'fetch_port = {q}').replace(f'fetch_ports = {{{p}}}', f'fetch_ports = {{{p}, {q}}}')
        with Fetch(world, conf + 'fetch_timeout = 20s\n') as fetch:
            policy = fetch.peers['ROLE_POLICY']
            for i in range(64):
                policy.request('FETCH_ASK', question('FETCH_STS', f'd{i}.test'))
            for i in range(16):
                policy.request('FETCH_ASK', question('FETCH_REPORT', f'https://r{i}.test/', body=b'x'))
            silent.settimeout(20)
            held = [silent.accept()[0] for _ in range(64)]
            plan(world, answer(200, '{}'), 'sso.test', '/introspect')
            assert fetch.ask('FETCH_INTROSPECT', '', body=b'token=a', who='ROLE_AUTH')[1] == 200
            assert select.select([policy.sock], [], [], 0)[0] == []  # nobody had to give up for that
            held += [silent.accept()[0] for _ in range(16)]
            policy.sock.shutdown(2)
            for c in held:
                c.close()


def test_hostile_peer(world, fetch):
    """A packet that does not decode costs its sender the channel, and nobody else anything."""
    policy = fetch.peers['ROLE_POLICY']
    policy.request('FETCH_ASK', Put().u64(1).u8(200).str('x').str('').str(''))
    assert policy.receive() is None
    plan(world, answer(200, '{}'), 'sso.test', '/introspect')
    assert fetch.ask('FETCH_INTROSPECT', '', body=b'token=a', who='ROLE_AUTH')[1] == 200


@pytest.mark.parametrize('extra, says', [
    ('oauth_introspection_url = "http://sso.test/"\n', 'is no https URL'),
    ('oauth_introspection_url = "https://sso.test:1/"\n', 'port 1 is not in fetch_ports'),
    ('fetch_port = 1\n', '1 is not in fetch_ports'),
])
def test_settings(world, extra, says):
    name = extra.split()[0]
    conf = ''.join(l + '\n' for l in world.conf().splitlines() if not l.startswith(name + ' ')) + extra
    p = Program('services-fetch', 'ROLE_FETCH', conf, CALLS, PEERS, conftest.BUILD)
    try:
        assert p.said.startswith('fetch-unusable: ') and name in p.said and says in p.said
        assert p.process.wait(20) == 78
    finally:
        p.close()
