"""MTA-STS: policies over HTTPS, announced by DNS, against hosts that are as they say, and not; every mode and break."""
import json, pathlib, re, shutil, smtplib, socket, ssl, struct, sys, tempfile
import pytest
import conftest
import https_server
from dns_server import Liar, name, record, reply
from https_server import answer
from smtp_fault_server import Hosts

sys.path.insert(0, str(conftest.TESTS))
from certificates import Authority

A, MX, TXT = 1, 15, 16
SENDER = 'user1@example.test'
PATH = '/.well-known/mta-sts.txt'
GOOD, OTHER, NO_TLS = '127.0.0.2', '127.0.0.3', '127.0.0.4'
NOT_NAMED = '4.7.5 it is not among the hosts of the MTA-STS policy'
BY_STS = '(TLS policy verify, by MTA-STS)'


def context(pair):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(*pair)
    return c


def policy(mode='enforce', *hosts, age=86400, end='\n'):
    return end.join(['version: STSv1', f'mode: {mode}', *(f'mx: {h}' for h in hosts), f'max_age: {age}', ''])


class World:
    """Domains below .test: what each publishes, where its mail goes, and what is to become of it."""

    def __init__(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix='thurn-sts-'))
        self.top.chmod(0o711)
        self.ca = Authority(self.top / 'ca')
        self.dns, self.expected, self.named = Liar(), {}, []
        tls = {'tls': context(self.ca.issue('mx', ['*.good.test']))}
        self.hosts = Hosts({GOOD: tls, OTHER: {'tls': context(self.ca.issue('other', ['elsewhere.test']))}, NO_TLS: {}})
        self.web = None
        self.plans = {}
        self.domains()
        web = [f'mta-sts.{d}' for d in self.named]
        self.web = https_server.Server(context(self.ca.issue('web', web)))
        self.web.plan.update(self.plans)

    def add(self, domain, outcome, address=GOOD, text=None, host=None, txt='v=STSv1; id=1;', trusted=True):
        """A domain with one host, perhaps a policy, and what becomes of mail for it."""
        d, host = f'{domain}.test', host or f'{domain}.good.test'
        self.dns.plan[d, MX] = lambda q: reply(q, [record(d, MX, struct.pack('!H', 10) + name(host))])
        self.dns.plan[host, A] = lambda q: reply(q, [record(host, A, socket.inet_aton(address))])
        self.txt(d, txt)
        if text is not None:
            self.plans[f'mta-sts.{d}', PATH] = answer(200, text) if isinstance(text, str) else text
        self.dns.plan[f'mta-sts.{d}', A] = lambda q: reply(q, [record(f'mta-sts.{d}', A, socket.inet_aton('127.0.0.1'))])
        if trusted:
            self.named.append(d)
        if outcome:
            self.expected[d] = outcome

    def txt(self, domain, *texts, ttl=1):
        rows = [bytes([len(t)]) + t.encode() for t in texts if t is not None]
        self.dns.plan[f'_mta-sts.{domain}', TXT] = lambda q: reply(q, [record(f'_mta-sts.{domain}', TXT, r, ttl) for r in rows])

    def publish(self, domain, text, id):
        self.web.plan[f'mta-sts.{domain}', PATH] = text if isinstance(text, bytes) or callable(text) else answer(200, text)
        self.txt(domain, id and f'v=STSv1; id={id};')

    def domains(self):
        add = self.add
        # a policy that is kept to, and one that is not
        add('kept', 'verified', text=policy('enforce', 'kept.good.test'))
        add('wild', 'verified', text=policy('enforce', 'x.test', '*.good.test', end='\r\n'))
        add('too-wild', NOT_NAMED, text=policy('enforce', '*.test'))
        add('not-named', NOT_NAMED, text=policy('enforce', 'elsewhere.test'))
        add('bad-name', f'4.7.5 is not verified: the certificate is for other names {BY_STS}', OTHER, policy('enforce', '*.good.test'))
        add('no-tls', f'4.7.4 does not offer TLS {BY_STS}', NO_TLS, policy('enforce', '*.good.test'))
        # testing never keeps mail back; none is none
        add('testing', 'unverified', OTHER, policy('testing', 'elsewhere.test'))
        add('testing-plain', 'plain', NO_TLS, policy('testing', '*.good.test'))
        add('none', 'plain', NO_TLS, policy('none'))
        # no policy that counts
        strict = policy('enforce', 'elsewhere.test')
        add('no-record', 'plain', NO_TLS, strict, txt=None)
        add('other-record', 'plain', NO_TLS, strict, txt='v=spf1 -all')
        add('bad-record', 'plain', NO_TLS, strict, txt='v=STSv1; id=not-a-valid-id;')
        add('two-records', 'plain', NO_TLS, strict)
        self.txt('two-records.test', 'v=STSv1; id=1;', 'v=STSv1; id=2;')
        add('no-policy', 'plain', NO_TLS)
        add('redirect', 'plain', NO_TLS, answer(301, '', headers=['Location: https://mta-sts.kept.test' + PATH]))
        add('failing', 'plain', NO_TLS, answer(500, strict))
        add('html', 'plain', NO_TLS, answer(200, strict, 'text/html'))
        add('nonsense', 'plain', NO_TLS, 'version: STSv1\nmode: enforce\nnonsense\nmx: a.test\nmax_age: 9\n')
        add('no-age', 'plain', NO_TLS, 'version: STSv1\nmode: enforce\nmx: elsewhere.test\n')
        add('oversized', 'plain', NO_TLS, strict + 'filler: x\n' * 10000)
        add('cut', 'plain', NO_TLS, lambda c, r: c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nversion'))
        add('stranger', 'plain', NO_TLS, strict, trusted=False)
        # for the tests below
        for d in 'changes', 'expires', 'removed', 'stays', 'flushed':
            add(d, None, NO_TLS, policy('enforce', '*.good.test', age=2 if d == 'expires' else 86400))

    def configuration(self):
        return f'''
minimal_backoff = 300s
dns_validation = no
dns_stub_zones = {{"test=[127.0.0.1]:{self.dns.port}"}}
dns_ports = {{{self.dns.port}}}
remote_port = {self.hosts.port}
remote_ports = {{{self.hosts.port}}}
remote_tls = dane
tls_ca_file = "{self.ca.path}"
fetch_port = {self.web.port}
fetch_ports = {{{self.web.port}}}
fetch_private_networks = {{"127.0.0.1"}}
'''

    def close(self):
        self.hosts.close()
        self.web.close()
        self.dns.close()
        shutil.rmtree(self.top)


@pytest.fixture(scope='module')
def world():
    w = World()
    yield w
    w.close()


@pytest.fixture(scope='module')
def suite(world):
    with conftest.running(conf=world.configuration()) as s:
        for d in world.expected:
            send(s, f'x@{d}')
        yield s


def send(suite, to):
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as c:
        c.sendmail(SENDER, [to], f'Subject: to {to}\r\n\r\nbody\r\n')


def becomes(suite, to, want):
    e = suite.outcome(to)
    if want[0] == '4':
        assert e['event'] == 'deferred' and e['dsn'] == want[:5] and want[6:] in e['status'], e
    else:
        assert e['event'] == 'delivered', e
        assert e['tls'] == '' if want == 'plain' else e['tls'].endswith(' ' + want), e


def known(suite, domain):
    r = suite.tool('tls', '--json', 'policy', 'show', domain)
    return json.loads(r.stdout)


DOMAINS = [
    'kept', 'wild', 'too-wild', 'not-named', 'bad-name', 'no-tls', 'testing', 'testing-plain', 'none', 'no-record', 'other-record',
    'bad-record', 'two-records', 'no-policy', 'redirect', 'failing', 'html', 'nonsense', 'no-age', 'oversized', 'cut', 'stranger']


@pytest.mark.parametrize('domain', DOMAINS)
def test_policy(suite, world, domain):
    becomes(suite, f'x@{domain}.test', world.expected[f'{domain}.test'])


def test_hosts_that_are_not_named_are_not_connected_to(suite, world):
    for d in 'not-named', 'too-wild':
        suite.outcome(f'x@{d}.test')
    assert not [m for h in world.hosts.at.values() for m in h.messages if 'not-named' in str(m.rcpts) or 'too-wild' in str(m.rcpts)]


def test_all_of_them(world):
    assert {f'{d}.test' for d in DOMAINS} == set(world.expected)


def test_requests(suite, world):
    """One GET of the one path for each domain that has a record, and nothing else."""
    for d in world.expected:
        suite.outcome(f'x@{d}')
    hosts = [r.host for r in world.web.requests]
    assert {r.path for r in world.web.requests} == {PATH} and {r.method for r in world.web.requests} == {'GET'}
    assert hosts.count('mta-sts.kept.test') == 1 and hosts.count('mta-sts.redirect.test') == 1
    for d in 'no-record', 'other-record', 'bad-record', 'two-records', 'stranger':
        assert f'mta-sts.{d}.test' not in hosts


def test_explain(suite, world):
    def policy_of(domain):
        r = suite.tool('explain', '--json', 'route', SENDER, f'y@{domain}', check=False)
        return [json.loads(l) for l in r.stdout.splitlines()]
    def found(o):
        if isinstance(o, dict):
            return ([o] if 'level' in o and 'reason' in o else []) + [x for v in o.values() for x in found(v)]
        return [x for v in o for x in found(v)] if isinstance(o, list) else []
    p, = found(policy_of('kept.test'))
    assert p['source'] == 'mta-sts' and p['level'] == 'verify' and re.search(r'MTA-STS policy 1, mode enforce, until \d{4}-\d\d-\d\d \d\d:\d\d UTC$', p['reason'])
    p, = found(policy_of('not-named.test'))
    assert p['source'] == 'mta-sts' and p['level'] == 'verify' and 'not among the hosts' in p['reason'] and 'failure' in p
    p, = found(policy_of('testing.test'))
    assert p['source'] == 'opportunistic' and 'mode testing' in p['reason'] and 'not among the hosts' in p['reason']
    p, = found(policy_of('failing.test'))
    assert p['source'] == 'opportunistic' and 'status 500' in p['reason']


def test_tool(suite, world):
    suite.outcome('x@kept.test'), suite.outcome('x@failing.test')
    k = known(suite, 'kept.test')
    assert (k['mode'], k['id'], k['mx'], k['valid']) == ('enforce', '1', ['kept.good.test'], True)
    assert known(suite, 'failing.test')['policy'] is False and 'status 500' in known(suite, 'failing.test')['note']
    text = suite.tool('tls', 'policy', 'list').stdout
    assert 'kept.test enforce, id 1, until ' in text and 'failing.test' not in text
    assert suite.tool('tls', 'policy', 'show', 'unknown.test', check=False).returncode == 65
    assert suite.tool('tls', 'policy', 'nonsense', check=False).returncode == 64


def again(suite, world, domain, want, n=[0]):
    """A new message, when what DNS said before has expired."""
    n[0] += 1
    send(suite, f'z{n[0]}@{domain}')
    becomes(suite, f'z{n[0]}@{domain}', want)


def until(suite, world, domain, want):
    """New messages until one becomes that: DNS answers hold for a second."""
    def look():
        look.n += 1
        send(suite, f'u{look.n}@{domain}')
        e = suite.outcome(f'u{look.n}@{domain}')
        return e['event'] == 'delivered' and (e['tls'] == '' if want == 'plain' else want in e['tls'])
    look.n = 0
    suite.wait_for(look, 30)


def test_a_changed_id(suite, world):
    """The policy is fetched again at once, and not before."""
    again(suite, world, 'changes.test', '4.7.4 does not offer TLS')
    world.web.plan['mta-sts.changes.test', PATH] = answer(200, policy('none'))
    assert known(suite, 'changes.test')['mode'] == 'enforce'
    world.publish('changes.test', policy('testing', '*.good.test'), '2')
    until(suite, world, 'changes.test', 'plain')
    k = known(suite, 'changes.test')
    assert (k['mode'], k['id']) == ('testing', '2')


def test_a_policy_outlives_what_it_came_from(suite, world):
    """Neither a record that vanishes nor a web server that breaks takes it away before its time."""
    again(suite, world, 'removed.test', '4.7.4 does not offer TLS')
    world.publish('removed.test', answer(500), None)
    suite.wait_for(lambda: (again(suite, world, 'removed.test', '4.7.4 does not offer TLS'),
                            'no _mta-sts record' in known(suite, 'removed.test')['note'])[1])
    world.publish('removed.test', answer(500), '7')
    suite.wait_for(lambda: (again(suite, world, 'removed.test', '4.7.4 does not offer TLS'),
                            'status 500' in known(suite, 'removed.test')['note'])[1])


def test_an_expired_policy(suite, world):
    again(suite, world, 'expires.test', '4.7.4 does not offer TLS')
    world.publish('expires.test', answer(500), None)
    until(suite, world, 'expires.test', 'plain')
    assert not known(suite, 'expires.test').get('valid')


def test_flush(suite, world):
    again(suite, world, 'flushed.test', '4.7.4 does not offer TLS')
    world.publish('flushed.test', answer(404), None)
    assert json.loads(suite.tool('tls', '--json', 'policy', 'flush', 'flushed.test').stdout) == {'count': 1}
    until(suite, world, 'flushed.test', 'plain')


def test_a_restart(suite, world):
    """What is on disk counts before anybody is asked."""
    again(suite, world, 'stays.test', '4.7.4 does not offer TLS')
    suite.tool('stop')
    world.publish('stays.test', answer(500), None)
    suite.tool('start')
    assert known(suite, 'stays.test')['mode'] == 'enforce'
    again(suite, world, 'stays.test', '4.7.4 does not offer TLS')
    assert known(suite, 'kept.test')['valid']
