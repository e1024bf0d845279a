"""DANE: hosts that are known by TLSA records of a signed zone, served by NSD and validated through the test's anchor."""
import hashlib, json, pathlib, re, smtplib, ssl, subprocess, sys, tempfile
import pytest
import conftest
from dns_server import Liar, Zones, record, reply
from smtp_fault_server import CUT, Hosts

sys.path.insert(0, str(conftest.TESTS))
from certificates import Authority

TLSA = 52
SENDER = 'user1@example.test'
# what is at each address
GOOD, OTHER, NO_TLS, BROKEN, ROLLS = (f'127.0.0.{i}' for i in range(2, 7))


def context(pair):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(*pair)
    return c


def tlsa(certificate, usage=3, selector=1, matching=1):
    """What a TLSA record of that certificate says, by openssl(1)."""
    run = lambda *a, **kw: subprocess.run(a, capture_output=True, check=True, **kw).stdout
    if selector == 0:
        der = run('openssl', 'x509', '-in', certificate, '-outform', 'DER')
    else:
        key = run('openssl', 'x509', '-in', certificate, '-noout', '-pubkey')
        der = run('openssl', 'pkey', '-pubin', '-outform', 'DER', input=key)
    data = der if matching == 0 else hashlib.new(['', 'sha256', 'sha512'][matching], der).digest()
    return f'{usage} {selector} {matching} {data.hex()}'


class World:
    """Servers, zones that name them, and what is to become of mail for each domain."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix='thurn-dane-')  # goes with the process, also where only another runs the tests
        self.top = pathlib.Path(self.folder.name)
        self.ca = Authority(self.top / 'ca')
        issue = lambda name, *names: self.ca.issue(name, names)
        # with the chain: an authority that a TLSA record names has to be in it
        self.pairs = {'good': issue('good', '*.secure.test'), 'other': issue('other', 'elsewhere.test', 'next.secure.test'),
                      'old': issue('old', 'x.test'), 'new': issue('new', 'x.test'), 'newest': issue('newest', 'x.test')}
        for certificate, _ in self.pairs.values():
            certificate.write_text(certificate.read_text() + self.ca.path.read_text())
        tls = {name: context(pair) for name, pair in self.pairs.items()}
        self.tls = tls
        self.hosts = Hosts({GOOD: {'tls': tls['good']}, OTHER: {'tls': tls['other']}, NO_TLS: {},
                            BROKEN: {'tls': context(self.pairs['good'])}, ROLLS: {'tls': tls['old']}})
        self.hosts.at[BROKEN].plan('starttls', CUT, 1000)
        self.zone, self.plain, self.expected = {}, {}, {}
        self.domains()
        self.liar = Liar()

    def record(self, name, *kind):
        return tlsa(self.pairs[name][0] if name != 'ca' else self.ca.path, *kind)

    def domain(self, name, address, records, outcome, host=None, base=None):
        """A domain of the signed zone with one host of its own, whose records stand where DANE looks first."""
        host = host or f'mx-{name}'
        self.zone[name] = f'MX 10 {host}'
        if address:
            self.zone[host] = f'A {address}'
        if records:
            self.tlsa(base or host, records)
        self.expected[f'{name}.secure.test'] = outcome

    def tlsa(self, base, records, zone=None):
        (self.zone if zone is None else zone)[f'_{self.hosts.port}._tcp.{base}'] = [f'TLSA {r}' for r in records]

    def domains(self):
        r, add = self.record, self.domain
        for selector in 0, 1:
            for matching in 0, 1, 2:
                kind = selector, matching
                # usage 3 looks at no name; usage 2 does
                add(f'ee{selector}{matching}', OTHER, [r('other', 3, *kind)], 'dane')
                add(f'ta{selector}{matching}', GOOD, [r('ca', 2, *kind)], 'dane')
        add('ta-name', OTHER, [r('ca', 2, 1, 1)], '4.7.5 hostname mismatch')
        add('next', OTHER, [r('ca', 2, 1, 1)], 'dane')  # its certificate has the domain's name
        add('wrong', GOOD, [r('old')], '4.7.5 no matching DANE TLSA records')
        add('one-of', GOOD, [r('old'), r('new', 3, 0, 2), r('good')], 'dane')
        # of two hashes of one kind the stronger counts alone (RFC 7671 9)
        add('weaker', GOOD, [r('good'), r('old', 3, 1, 2)], '4.7.5 no matching DANE TLSA records')
        # what no mail client can use is encrypted, with whoever is there
        add('pkix', OTHER, [r('good', 1, 1, 1), r('ca', 0, 0, 1)], 'unverified')
        add('odd', OTHER, ['3 1 1 abcd', '3 2 1 ' + 'ab' * 32, '9 1 1 ' + 'ab' * 32, '3 1 7 abcd'], 'unverified')
        add('odd-plain', NO_TLS, ['3 1 1 abcd'], '4.7.4 does not offer TLS')
        add('beside', OTHER, ['3 1 1 abcd', r('other')], 'dane')
        # never in plain text
        add('no-tls', NO_TLS, [r('good')], '4.7.4 does not offer TLS')
        add('broken', BROKEN, [r('good')], '4.7.5 TLS handshake with')
        add('bogus', NO_TLS, ['3 1 1 ' + '66' * 32], '4.7.5 lookup of TLSA records failed: bogus')
        add('lost', NO_TLS, None, '4.7.5 lookup of TLSA records failed: temporary')
        # without records
        add('none', GOOD, None, 'verified')
        add('none-plain', NO_TLS, None, 'plain')
        add('none-broken', BROKEN, None, 'plain')
        add('only', GOOD, None, '4.7.5 no secure TLSA records')
        add('only-odd', GOOD, ['3 1 1 abcd'], '4.7.5 0 of them usable')
        add('only-good', GOOD, [r('good')], 'dane')
        # what is not secure all along counts for nothing
        self.plain['@'] = 'MX 10 mx-wrong.secure.test.'
        self.expected['plain.test'] = 'verified'
        add('outside', None, None, 'plain', host='mx.plain.test.')
        self.plain['mx'] = f'A {NO_TLS}'
        self.tlsa('mx', [r('good')], self.plain)
        # aliases: RFC 7672 2.2.2
        self.zone.update({'alias-a': 'CNAME target-a', 'target-a': f'A {GOOD}', 'alias-b': 'CNAME target-b', 'target-b': f'A {GOOD}',
                          'alias-c': 'CNAME mx.plain.test.', 'alias-d': 'CNAME target-d', 'target-d': f'A {GOOD}'})
        add('alias1', None, [r('good')], 'dane', host='alias-a', base='target-a')
        add('alias2', None, [r('good')], 'dane', host='alias-b')
        add('alias3', None, [r('good')], '4.7.4 does not offer TLS', host='alias-c')
        add('alias4', None, [r('good')], 'dane', host='alias-d', base='target-d')
        self.tlsa('alias-d', [r('old')])  # the target's are asked for first
        # the next host when one is not who it should be, or is not known
        self.zone['second'] = ['MX 10 mx-wrong', 'MX 20 mx-bogus', 'MX 30 mx-one-of']
        self.expected['second.secure.test'] = 'dane'
        add('large', GOOD, [f'3 1 1 {i:064x}' for i in range(200)], '4.7.5 no matching DANE TLSA records')
        # records behind aliases, and answers that lead nowhere or are too large
        at = f'_{self.hosts.port}._tcp.'
        add('cname', OTHER, [r('other')], 'dane', base='behind')
        self.zone[at + 'mx-cname'] = f'CNAME {at}behind'
        add('loop', NO_TLS, None, '4.7.5 lookup of TLSA records failed')
        self.zone.update({at + 'mx-loop': f'CNAME {at}loop', at + 'loop': f'CNAME {at}mx-loop'})
        add('chain', NO_TLS, None, '4.7.5 lookup of TLSA records failed')
        self.zone.update({at + f'chain{i}': f'CNAME {at}chain{i + 1}' for i in range(1, 20)})
        self.zone[at + 'mx-chain'] = f'CNAME {at}chain1'
        huge = '3 1 0 ' + 'ab' * 20000
        add('huge', OTHER, [huge], '4.7.5 too large')
        add('huge-beside', OTHER, [r('other'), huge], 'dane')
        # whoever answers for a part of the zone that is not signed says what he likes
        add('poisoned', OTHER, None, 'unverified')
        add('garbled', NO_TLS, None, '4.7.5 lookup of TLSA records failed')
        add('flooded', OTHER, None, 'unverified')
        self.domain('roll', ROLLS, [r('old')], 'dane')
        self.zone[f'_{self.hosts.port}._tcp.mx-roll'] = [f'1 IN TLSA {r("old")}']

    def zones(self):
        forge = {'secure.test': lambda t: t.replace('66' * 32, '67' * 32)}
        good = f'_{self.hosts.port}._tcp.mx-none.secure.test'
        data = lambda r: bytes(map(int, r.split()[:3])) + bytes.fromhex(r.split()[3])
        others = {}

        def liar(name, answer):
            other = f'_{self.hosts.port}._tcp.mx-{name}.secure.test'
            others[other] = self.liar.port
            self.zone[other.removesuffix('.secure.test')] = 'NS ns.invalid.'
            self.liar.plan[other, TLSA] = lambda q: answer(q, other)

        liar('lost', lambda q, n: reply(q, rcode=2))
        # the key of who is there, for this name and for one of the signed zone
        liar('poisoned', lambda q, n: reply(q, [record(n, TLSA, data(self.record('good')))], [record(good, TLSA, data(self.record('old')))]))
        liar('garbled', lambda q, n: reply(q, [record(n, TLSA, b'\3\1')]))
        liar('flooded', lambda q, n: reply(q, [record(n, TLSA, b'\3\1\1' + i.to_bytes(32, 'big')) for i in range(700)]))
        return Zones({'.': {}, 'secure.test': self.zone, 'plain.test': self.plain}, signed=['.', 'secure.test'], tamper=forge,
                     others=others)

    def configuration(self, zones):
        only = ', '.join(f'only{x}.secure.test=dane-only' for x in ('', '-odd', '-good'))
        # an answer that comes after the library has asked again is lost: on a busy machine, several are
        return zones.settings() + f'''
dns_timeout = 40s
minimal_backoff = 300s
remote_idle_time = 500ms
remote_port = {self.hosts.port}
remote_ports = {{{self.hosts.port}}}
remote_tls_policy = {{"inline:{{{only}}}"}}
tls_ca_file = "{self.ca.path}"
'''

    def close(self):
        self.hosts.close()
        self.liar.close()
        self.folder.cleanup()


WORLD = World()
DOMAINS = list(WORLD.expected)


@pytest.fixture(scope='module')
def world():
    yield WORLD
    WORLD.close()
    assert WORLD.hosts.faults() == []


@pytest.fixture(scope='module')
def zones(world):
    with world.zones() as z:
        yield z


@pytest.fixture(scope='module')
def suite(world, zones):
    world.top.chmod(0o711)
    with conftest.running(conf=world.configuration(zones)) as s:
        with smtplib.SMTP(s.host, s.smtp_port, timeout=20) as c:
            for domain in DOMAINS:
                c.sendmail(SENDER, [f'x@{domain}'], f'Subject: {domain}\r\n\r\nbody\r\n')
        yield s


@pytest.mark.parametrize('domain', DOMAINS)
def test_outcome(suite, world, domain):
    want, e = world.expected[domain], suite.outcome(f'x@{domain}')
    taken = world.hosts.taken(domain)
    if want[0] == '4':
        assert e['event'] == 'deferred' and taken == []
        assert e['dsn'] == want[:5] and want[6:] in e['status'], e
        return
    assert e['event'] == 'delivered' and len(taken) == 1, e
    m = taken[0][1]
    if want == 'plain':
        assert e['tls'] == '' and m.tls is None
    else:
        assert re.fullmatch(r'TLSv1\.3 TLS_\w+ \S+ ' + want, e['tls']) and m.tls


def test_names_that_are_asked_for(suite, world):
    """The TLSA base domain is the server name (RFC 7672 8.1)."""
    for domain, name in (('ee11', 'mx-ee11'), ('alias1', 'target-a'), ('alias2', 'alias-b'), ('alias4', 'target-d')):
        suite.outcome(f'x@{domain}.secure.test')
        assert world.hosts.taken(f'{domain}.secure.test')[0][1].name == f'{name}.secure.test'


def test_nothing_in_plain_text(suite, world):
    """Neither envelope nor message reached a host that should have had TLS, not even in part."""
    for domain in DOMAINS:
        suite.outcome(f'x@{domain}')
    for address in NO_TLS, BROKEN:
        said = b'\n'.join(world.hosts.at[address].transcript).decode()
        assert set(re.findall(r'RCPT TO:<x@(\S+?)>', said)) <= {d for d, want in world.expected.items() if want == 'plain'}


# --- a key that is changed

def send(suite, to, subject):
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as c:
        c.sendmail(SENDER, [to], f'Subject: {subject}\r\n\r\nbody\r\n')
    return suite.outcome(to)


def test_roll(suite, world, zones):
    """Old and new records stand side by side while the key changes; a key without one is not accepted."""
    server, base = world.hosts.at[ROLLS], f'_{world.hosts.port}._tcp.mx-roll'
    publish = lambda *names: zones.update('secure.test', base, [f'1 IN TLSA {world.record(n)}' for n in names])
    records = lambda s: [f"1 IN TLSA {r['usage']} {r['selector']} {r['matching']} {r['data']}" for r in
                         policies(s, 'x@roll.secure.test')[0]['tlsa']]
    suite.outcome('x@roll.secure.test')
    steps = [('old', ['old', 'new']), ('new', ['old', 'new']), ('new', ['new']), ('newest', ['new']), ('newest', ['newest'])]
    for i, (key, published) in enumerate(steps):
        publish(*published)
        server.tls = world.tls[key]
        suite.wait_for(lambda: sorted(records(suite)) == sorted(zones.zones['secure.test'][base]), 20)
        # a connection that is open keeps the key with which it was verified
        suite.wait_for(lambda: server.open == 0)
        e = send(suite, f'x{i}@roll.secure.test', f'roll {i}')
        if key in published:
            assert e['event'] == 'delivered' and e['tls'].endswith(' dane'), (i, e)
        else:
            assert e['event'] == 'deferred' and 'no matching DANE TLSA records' in e['status'], (i, e)


# --- what is said of it

def policies(suite, to):
    out = suite.tool('explain', 'route', '--json', SENDER, to).stdout
    return json.loads(out.splitlines()[-1])['hops'][0]['tls_hosts']


def test_explain(suite, world):
    p, = policies(suite, 'x@one-of.secure.test')
    assert (p['host'], p['source'], p['level'], p['tlsa_base']) == ('mx-one-of.secure.test', 'dane', 'dane', 'mx-one-of.secure.test')
    assert sorted(f"{r['usage']} {r['selector']} {r['matching']} {r['data']}" for r in p['tlsa']) == sorted(
        [world.record('old'), world.record('new', 3, 0, 2), world.record('good')])
    assert all(r['usable'] for r in p['tlsa']) and 'failure' not in p
    assert p['reason'] == '3 secure TLSA records, 3 of them usable'
    p, = policies(suite, 'x@pkix.secure.test')
    assert p['level'] == 'encrypt' and not any(r['usable'] for r in p['tlsa'])
    p, = policies(suite, 'x@none.secure.test')
    nothing = '; no MTA-STS policy: it has no _mta-sts record'
    assert (p['source'], p['level'], p['reason']) == ('opportunistic', 'may', 'no secure TLSA records' + nothing)
    p, = policies(suite, 'x@plain.test')
    assert (p['source'], p['level'], p['reason']) == ('opportunistic', 'may', 'MX records are insecure' + nothing)
    wrong, bogus, good = policies(suite, 'x@second.secure.test')
    assert wrong['level'] == good['level'] == 'dane' and bogus['failure']['enhanced'] == '4.7.5'
    p, = policies(suite, 'x@only.secure.test')
    assert p['source'] == 'table' and p['failure']['code'] == 451
    p, = policies(suite, 'x@large.secure.test')
    assert p['more'] and len(p['tlsa']) == 8


def test_explain_in_words(suite, world):
    text = suite.tool('explain', 'route', SENDER, 'x@one-of.secure.test').stdout
    assert '    TLS with mx-one-of.secure.test: dane, by dane (3 secure TLSA records, 3 of them usable)\n' in text
    assert f'        TLSA {world.record("good")}\n' in text
    text = suite.tool('explain', 'route', SENDER, 'x@bogus.secure.test').stdout
    assert 'lookup of TLSA records failed: bogus' in text
    text = suite.tool('explain', 'route', SENDER, 'x@second.secure.test').stdout
    tries = dict(re.findall(r'^        \S+ port \d+ \(mx-(\S+)\.secure\.test\)(.*)$', text, re.M))
    assert tries == {'wrong': '', 'bogus': ', but its TLS policy refuses it', 'one-of': ''}


@pytest.mark.parametrize('host, verdict, matched, grade', [
    ('mx-ee11', 'matched', '3 1 1', 'B'), ('mx-one-of', 'matched', '3 1 1', 'B'), ('mx-ta01', 'matched', '2 0 1', 'B'),
    ('mx-wrong', 'mismatched', None, 'F'), ('mx-odd', 'unusable', None, 'C'), ('mx-bogus', 'failed', None, 'F'),
    ('mx-none', 'none', None, 'C'), ('alias-a', 'matched', '3 1 1', 'B'), ('mx-no-tls', 'mismatched', None, 'F')])
def test_check(suite, world, host, verdict, matched, grade):
    """thurn tls check finds the same, and says by which record. (No better than B: the server takes CBC.)"""
    r = suite.tool('tls', '--json', 'check', '--dane', '--protocol', 'smtp', f'{host}.secure.test:{world.hosts.port}', check=False)
    got = json.loads(r.stdout)
    assert got['dane']['verdict'] == verdict and got['grade'] == grade, got
    assert [f'{m["usage"]} {m["selector"]} {m["matching"]}' for m in got['dane']['records'] if m['matched']] == ([matched] if matched else [])
    text = suite.tool('tls', 'check', '--dane', '--protocol', 'smtp', f'{host}.secure.test:{world.hosts.port}', check=False).stdout
    assert f'DANE: {verdict}' in text and ('by this one it is known' in text) == (matched is not None)
