"""TLS to other hosts: every level of policy, against servers that have it, have it wrong, lie about it, or break it."""
import hashlib, json, pathlib, re, shutil, smtplib, ssl, subprocess, sys, tempfile, warnings
import pytest
import conftest
import smtp_fault_server as fault
from smtp_fault_server import FaultServer

sys.path.insert(0, str(conftest.TESTS))
from certificates import Authority, openssl

LEVELS = ['none', 'may', 'encrypt', 'verify', 'secure', 'fingerprint', 'otherprint']
SENDER = 'user1@example.test'

# what becomes of mail: "plain"; or by TLS: "verified", "unverified", "pinned"; or the status of what waits
NO_OFFER, REFUSED, BAD_PEER = '4.7.4 does not offer TLS', '4.7.4 refused TLS: 454', '4.7.5 is not verified: '
GOOD = {'none': 'plain', 'may': 'verified', 'encrypt': 'verified', 'verify': 'verified', 'secure': 'verified',
        'fingerprint': 'pinned', 'otherprint': BAD_PEER + 'its key is none'}


def unverified(why):
    return {**GOOD, 'may': 'unverified', 'encrypt': 'unverified', 'verify': BAD_PEER + why, 'secure': BAD_PEER + why}


def without(why, may='plain'):
    return {level: 'plain' if level == 'none' else may if level == 'may' else why for level in LEVELS}


EXPECTED = {
    'good': GOOD,
    'rsa12': GOOD,
    'wrong': unverified('the certificate is for other names'),
    'expired': unverified('certificate has expired'),
    'future': unverified('certificate is not yet valid'),
    'selfsigned': unverified('self-signed certificate'),
    'nooffer': without(NO_OFFER),
    'refused': without(REFUSED),
    'cut': without('4.7.5 TLS handshake with'),
    'old': without('4.7.5 TLS handshake with'),
    'injected': without('4.5.0 protocol error', '4.5.0 protocol error'),
}
CASES = [(kind, level) for kind in EXPECTED for level in LEVELS]


def context(certificate, key):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(certificate, key)
    return c


def fingerprint(certificate):
    key = subprocess.run(['openssl', 'x509', '-in', certificate, '-noout', '-pubkey'], capture_output=True, check=True)
    der = subprocess.run(['openssl', 'pkey', '-pubin', '-outform', 'DER'], input=key.stdout, capture_output=True,
                         check=True)
    digest = hashlib.sha256(der.stdout).hexdigest().upper()
    return ':'.join(re.findall('..', digest))


class World:
    """Servers of every kind, and an instance that reaches each of them by a name for each level."""

    def __init__(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix='thurn-tls-'))
        self.top.chmod(0o711)
        self.ca = Authority(self.top / 'ca')
        issue = self.ca.issue
        pairs = {kind: issue(kind, [f'*.{kind}.test'], kind='rsa' if kind == 'rsa12' else 'ec')
                 for kind in EXPECTED if kind not in ('wrong', 'expired', 'future', 'selfsigned')}
        pairs['wrong'] = issue('wrong', ['elsewhere.test'])
        pairs['expired'] = issue('expired', ['*.expired.test'], days=5, begins=-10)
        pairs['future'] = issue('future', ['*.future.test'], begins=2)
        pairs['selfsigned'] = own = (self.top / 'own.pem', self.top / 'own.key')
        openssl('req', '-x509', '-newkey', 'rsa:2048', '-noenc', '-subj', '/CN=x', '-addext',
                'subjectAltName=DNS:*.selfsigned.test', '-days', '9', '-out', own[0], '-keyout', own[1])
        self.servers, self.pins = {}, {}
        for kind, pair in pairs.items():
            self.pins[kind] = fingerprint(pair[0])
            # what is said in plain text must be forgotten: under TLS there is no CHUNKING
            self.servers[kind] = FaultServer(tls=None if kind == 'nooffer' else context(*pair),
                                             plain_extensions=['CHUNKING'])
        s = self.servers
        s['refused'].plan('starttls', '454 4.7.0 TLS not available', 1000)
        s['cut'].plan('starttls', fault.CUT, 1000)
        s['injected'].plan('starttls', fault.INJECT, 1000)
        s['rsa12'].tls.maximum_version = ssl.TLSVersion.TLSv1_2
        s['old'].tls.set_ciphers('ALL:@SECLEVEL=0')
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', DeprecationWarning)  # that is what it is about
            s['old'].tls.minimum_version = s['old'].tls.maximum_version = ssl.TLSVersion.TLSv1
        s['implicit'] = FaultServer(tls=context(*pairs['good']), implicit=True)
        s['reuse'] = FaultServer(tls=context(*pairs['good']))
        s['first'] = FaultServer(address='127.0.0.1')
        s['second'] = FaultServer(address='127.0.0.2', port=s['first'].port, tls=context(*pairs['good']))

    def configuration(self):
        hops, hosts, rules = [], ['two.good.test=127.0.0.1,127.0.0.2'], []
        def add(domain, kind, policy, host=None, transport='smtp'):
            host = host or f'{domain}.{kind}.test'
            hop = f'[{host}]:{self.servers[kind].port}'
            hops.append(f'{domain}.{kind}.test {transport}:{hop}')
            if not host.startswith('two.'):
                hosts.append(f'{host}=127.0.0.1')
            if policy:
                rules.append(f'{hop} {policy}')
        for kind, level in CASES:
            add(level, kind, f'fingerprint match={self.pins[kind]}' if level == 'fingerprint'
                else f'fingerprint match={"AB:" * 31}CD|{"0" * 64}' if level == 'otherprint' else level)
        add('smtps', 'implicit', 'verify match=nothing.test:.good.test', transport='smtps')
        add('again', 'reuse', 'secure match=hostname:elsewhere.test', host='again.good.test')
        add('two', 'first', 'encrypt', host='two.good.test')
        rules += ['.parent.test encrypt', 'bad.test often', 'sub.parent.test verify match=x.test:y.test']
        hops += ['loop.test smtp:bad.test']
        (self.top / 'transport').write_text('\n'.join(hops) + '\n')
        (self.top / 'policy').write_text('\n'.join(rules) + '\n')
        ports = ', '.join(str(s.port) for s in self.servers.values())
        return f'''
minimal_backoff = 300s
remote_idle_time = 500ms
static_hosts = {{{', '.join(f'"{h}"' for h in hosts)}}}
remote_ports = {{{ports}}}
table_directory = "{self.top}"
transport_maps = {{"texthash:transport"}}
remote_tls_policy = {{"texthash:policy"}}
tls_ca_file = "{self.ca.path}"
'''

    def close(self):
        for s in self.servers.values():
            s.close()
        shutil.rmtree(self.top)


@pytest.fixture(scope='module')
def world():
    w = World()
    yield w
    w.close()
    assert [f for s in w.servers.values() for f in s.faults] == []


@pytest.fixture(scope='module')
def suite(world):
    with conftest.running(conf=world.configuration()) as s:
        with smtplib.SMTP(s.host, s.smtp_port, timeout=20) as c:
            for kind, level in CASES:
                c.sendmail(SENDER, [f'x@{level}.{kind}.test'], f'Subject: {level} {kind}\r\n\r\nbody\r\n')
        yield s


def send(suite, to, subject):
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as c:
        c.sendmail(SENDER, [to], f'Subject: {subject}\r\n\r\nbody\r\n')


def fields(suite, event):
    return [e['fields'] for e in suite.events(event)]


def taken(server, subject):
    return [m for m in server.messages if f'Subject: {subject}\r\n'.encode() in m.data]


@pytest.mark.parametrize('kind, level', CASES, ids=lambda x: x)
def test_policy(suite, world, kind, level):
    want, e = EXPECTED[kind][level], suite.outcome(f'x@{level}.{kind}.test')
    messages = taken(world.servers[kind], f'{level} {kind}')
    if want[0] == '4':
        assert e['event'] == 'deferred' and messages == []
        assert e['dsn'] == want[:5] and want[6:] in e['status'], e
        return
    assert e['event'] == 'delivered' and len(messages) == 1
    m = messages[0]
    if want == 'plain':
        assert e['tls'] == '' and m.tls is None and m.chunked == (kind != 'nooffer')
        return
    assert re.fullmatch(r'TLSv1\.[23] TLS_\w+ \S+ ' + want, e['tls'])
    assert m.tls == ('TLSv1.2' if kind == 'rsa12' else 'TLSv1.3') and not m.chunked
    assert m.name == f'{level}.{kind}.test'
    assert e['tls_policy'].startswith(level) and 'texthash:policy' in e['tls_rule']


def test_clear_text_after_a_failure_is_remembered(suite, world):
    suite.outcome('x@may.cut.test')
    assert any('TLS handshake with may.cut.test' in e['reason'] for e in fields(suite, 'remote-plain-text'))
    before = world.servers['cut'].transcript.count(b'STARTTLS')
    send(suite, 'y@may.cut.test', 'once more')
    suite.wait_for(lambda: taken(world.servers['cut'], 'once more'))
    assert world.servers['cut'].transcript.count(b'STARTTLS') == before


def test_injection_is_logged(suite):
    suite.outcome('x@may.injected.test')
    assert any('may.injected.test' in e['relay'] for e in fields(suite, 'remote-starttls-injection'))


def test_implicit(suite, world):
    send(suite, 'x@smtps.implicit.test', 'from the first byte')
    e = suite.outcome('x@smtps.implicit.test')
    # the name of the host is not in its certificate, but one of those that the policy names
    assert e['event'] == 'delivered' and e['tls'].endswith(' verified')
    assert e['tls_policy'] == 'verify match=nothing.test:.good.test implicit'
    assert taken(world.servers['implicit'], 'from the first byte')[0].tls


def test_next_address_when_one_has_no_tls(suite, world):
    send(suite, 'x@two.first.test', 'two addresses')
    m = suite.wait_for(lambda: taken(world.servers['second'], 'two addresses'))[0]
    assert m.tls and world.servers['first'].messages == []


def counted(suite):
    """What deliver-remote counts, as the metrics say it."""
    found = re.findall(r'^thurn_count{process="deliver-remote",instance="0",name="(\w+)"} (\d+)$',
                       suite.tool('status', '--metrics').stdout, re.M)
    return {name: int(n) for name, n in found}


def test_connections_and_sessions_are_used_again(suite, world):
    server = world.servers['reuse']
    before = counted(suite)
    for i in range(10):
        send(suite, f'{i}@again.reuse.test', f'again {i}')
        suite.wait_for(lambda: taken(server, f'again {i}'))
    assert server.connections <= 2
    first = server.connections
    # the connection is closed when it has been idle; the next one resumes its session
    suite.wait_for(lambda: server.transcript[-1] == b'QUIT')
    send(suite, '11@again.reuse.test', 'again later')
    m = suite.wait_for(lambda: taken(server, 'again later'))[0]
    assert server.connections == first + 1 and m.resumed
    e = suite.outcome('11@again.reuse.test')
    assert e['tls'].endswith(' verified')
    more = {k: v - before[k] for k, v in counted(suite).items()}
    # the first may have been resumed as well, or may have had a connection of before
    assert more['connected'] == more['tls'] in (1, 2) and 1 <= more['tls_resumed'] <= more['tls']
    assert more['connected'] + more['reused'] == 11


def explain(suite, to):
    out = suite.tool('explain', 'route', '--json', SENDER, to, check=False).stdout
    return [json.loads(l) for l in out.splitlines()]


def test_explain(suite):
    route = explain(suite, 'x@secure.good.test')[-1]
    assert route['hops'][0]['tls']['policy'] == 'secure' and 'texthash:policy' in route['hops'][0]['tls']['rule']
    text = suite.tool('explain', 'route', SENDER, 'x@secure.good.test').stdout
    assert '    TLS: secure (texthash:policy' in text
    for domain, policy, rule in (('a.b.parent.test', 'encrypt', 'texthash:policy'), ('parent.test', 'dane', 'remote_tls'),
                                 ('sub.parent.test', 'verify match=x.test:y.test', 'texthash:policy')):
        tls = explain(suite, f'x@{domain}')[-1]['hops'][0]['tls']
        assert tls['policy'] == policy and tls['rule'].startswith(rule)


def test_bad_policy_defers(suite):
    send(suite, 'x@loop.test', 'bad policy')
    assert suite.outcome('x@loop.test')['dsn'] == '4.3.0'
    e = suite.wait_for(lambda: fields(suite, 'table-failed'))[0]
    assert 'TLS level' in e['why'], e


def test_trust_anchors_are_logged(suite, world):
    send(suite, 'x@secure.good.test', 'the first use of TLS reads them')
    e = suite.wait_for(lambda: fields(suite, 'remote-trust-anchors'))[0]
    assert e['file'] == str(world.ca.path) and e['count'] == 1


def test_without_trust_anchors(new_suite, world):
    s = world.servers['good']
    suite = new_suite(conf=f'''
static_hosts = {{"here.good.test=127.0.0.1"}}
remote_ports = {{{s.port}}}
transport_maps = {{"inline:{{a.test=smtp:[here.good.test]:{s.port}}}"}}
remote_tls = verify
tls_ca_file = "/nonexistent/file.pem"
''')
    assert suite.events('remote-no-trust-anchors')
    send(suite, 'x@a.test', 'no anchors')
    e = suite.outcome('x@a.test')
    assert e['dsn'] == '4.7.5' and 'unable to get' in e['status'], e
    assert e['tls'].endswith(' unverified') and e['tls_rule'].startswith('remote_tls (')


def test_the_suite_itself(new_suite):
    there = new_suite()
    here = new_suite(conf=f'''
remote_ports = {{{there.smtp_port}}}
transport_maps = {{"inline:{{user1@example.test=smtp:[localhost]:{there.smtp_port}}}"}}
remote_tls = secure
tls_ca_file = "{there.ca}"
''')
    send(here, 'user1@example.test', 'from one to the other')
    e = here.outcome('user1@example.test')
    assert e['event'] == 'delivered' and e['tls'].endswith(' verified'), e
    text = there.wait_for(there.messages)[0].read_text()
    assert 'with ESMTPS' in text
