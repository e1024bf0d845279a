"""Source addresses: which pool a message goes out from, turns, EHLO names, caps, suspensions, and no way around them."""
import json, threading
import pytest
import conftest
from smtp_fault_server import Hosts
from test_queue import SENDER

SINKS = {'127.0.0.2': {}, '127.0.0.3': {}, '::1': {}}
GONE = '192.0.2.77'  # no address of this host

SOURCES = {'out1': '127.0.1.1', 'out2': '127.0.1.2', 'slow': '127.0.1.3', 'gone': GONE, 'six': '::1', 'other': '127.0.1.9', 'dual': '127.0.1.4", "::1'}
POOLS = {'turns': ['out1', 'out2'], 'slow': ['slow'], 'gone': ['gone'], 'half': ['gone', 'out1'], 'six': ['six'], 'reused': ['out1', 'other'], 'dual': ['dual']}
FAMILIES = ('any', 'ipv4', 'ipv4-only', 'ipv6-only')


def conf(hosts, pools=POOLS):
    a, b = (f'smtp:[{x}]:{hosts.port}' for x in list(SINKS)[:2])
    families = ', '.join(f'{f}.test=smtp:[{f}]' for f in FAMILIES)
    text = f'''
transport_maps = {{"inline:{{a.test={a}, b.test={b}, sub.b.test={b}, {families}}}"}}
static_hosts = {{{", ".join(f'"{f}=::1,127.0.0.2"' for f in FAMILIES)}}}
remote_address_preference_maps = {{"inline:{{{', '.join(f'[{f}]={f}' for f in FAMILIES[1:])}}}"}}
remote_port = {hosts.port}
remote_ports = {{{hosts.port}}}
minimal_backoff = 1s
maximal_backoff = 1s
lane_maps = {{"inline:{{bulk@example.test=bulk}}"}}
source_maps = {{"inline:{{to:.b.test=slow, turns@example.test=turns, @gone.test=gone, @half.test=half, @six.test=six, @reused.test=reused, @dual.test=dual, @missing.test=nowhere, lane:bulk=turns, any@gone.test=DUNNO}}"}}
'''
    for name, address in SOURCES.items():
        more = 'concurrency = 1' if name == 'slow' else ''
        text += f'source {name} {{ address = {{"{address}"}} helo = "{name}.example.test" {more} }}\n'
    for name, sources in pools.items():
        text += f'source_pool {name} {{ sources = {{{", ".join(sources)}}} }}\n'
    return text


@pytest.fixture(scope='module')
def hosts():
    h = Hosts(SINKS)
    yield h
    assert h.faults() == []
    h.close()


@pytest.fixture(scope='module')
def suite(hosts):
    with conftest.running(conf=conf(hosts)) as s:
        yield s


def send(suite, subject, sender, *to):
    with suite.smtp_client() as c:
        c.sendmail(sender, list(to), f'Subject: {subject}\r\n\r\nbody\r\n')


def arrives(suite, hosts, subject, n=1):
    """From where, with which name, each that arrived."""
    taken = suite.wait_for(lambda: len(hosts.taken(subject)) >= n and hosts.taken(subject))
    return [(m.peer, m.helo) for _, m in taken]


def deferred(suite, to):
    return suite.wait_event('deferred', to=to)[-1]['fields']


def test_choice(suite, hosts):
    """By destination, sender, lane; with the name of that address; anything else as this host."""
    for subject, sender, to, source in (('by sender', 'turns@example.test', 'x@a.test', ('out1', 'out2')), ('by lane', 'bulk@example.test', 'x@a.test', ('out1', 'out2')),
                                        ('by destination', 'turns@example.test', 'x@sub.b.test', ('slow',)), ('none', SENDER, 'x@b.test', None),
                                        ('exempt', 'any@gone.test', 'x@a.test', None)):
        send(suite, subject, sender, to)
        (seen,) = arrives(suite, hosts, subject)
        if source is None:
            assert seen[1] == 'mx.example.test' and seen[0] not in SOURCES.values()
        else:
            assert seen in [(SOURCES[s], f'{s}.example.test') for s in source]


def test_turns(suite, hosts):
    """Both of a pool are used, and a connection goes on with mail from its own source only."""
    for i in range(6):
        send(suite, 'turn', 'turns@example.test', f'x{i}@a.test')
    seen = arrives(suite, hosts, 'turn', 6)
    assert {s for s in seen} == {(SOURCES[s], f'{s}.example.test') for s in ('out1', 'out2')}
    by_connection = {}
    for m in hosts.at['127.0.0.2'].messages:
        by_connection.setdefault(m.connection, set()).add(m.peer)
    assert all(len(peers) == 1 for peers in by_connection.values())


def test_concurrency(suite, hosts):
    """One at a time from that source; `why` says so, and mail from elsewhere to the same host does not wait."""
    answer = threading.Event()
    hosts.at['127.0.0.3'].plan('final', lambda session: answer.wait(60) and '250 2.0.0 taken')
    send(suite, 'first', SENDER, 'x@sub.b.test')
    suite.wait_for(lambda: hosts.at['127.0.0.3'].open > 0 and [s for s in pool(suite, 'slow')['sources'] if s['deliveries'] == 1])
    send(suite, 'second', SENDER, 'y@sub.b.test')
    w = suite.wait_for(lambda: (lambda w: w and w['limiter'] == 'sources' and w)(why(suite, f'[127.0.0.3]:{hosts.port}', 'slow')))
    assert w['in_memory']['users'] == 1 and w['sources'][0]['cap'] == 1
    assert 'out from pool slow' in suite.tool('queue', 'why', f'[127.0.0.3]:{hosts.port}').stdout
    send(suite, 'beside', SENDER, 'x@b.test')
    arrives(suite, hosts, 'beside')
    assert hosts.taken('second') == []
    answer.set()
    arrives(suite, hosts, 'second')


def pool(suite, name):
    return json.loads(suite.tool('queue', 'sources', '--json', name).stdout)


def why(suite, name, pool):
    records = map(json.loads, suite.tool('queue', 'why', '--json', name).stdout.splitlines())
    return next((r for r in records if r.get('source_pool') == pool), None)


def test_suspend(suite, hosts):
    """One of two: the other sends. Both: mail waits on disk, over a restart, until one is resumed."""
    suite.tool('queue', 'suspend', '--source', 'out1', '--for', '1h', '--reason', 'listed')
    for i in range(4):
        send(suite, 'one left', 'turns@example.test', f'x{i}@a.test')
    assert {s[0] for s in arrives(suite, hosts, 'one left', 4)} == {SOURCES['out2']}
    suite.tool('queue', 'suspend', '--source', 'out2')
    send(suite, 'none left', 'turns@example.test', 'kept@a.test')
    assert 'from this source are suspended' in deferred(suite, 'kept@a.test')['status']
    suite.stop()
    suite.users = 0  # they are there already
    suite.start()
    assert {json.loads(l)['name'] for l in suite.tool('queue', 'suspended', '--json').stdout.splitlines()} == {'source=out1', 'source=out2'}
    s = pool(suite, 'turns')['sources']
    assert s[0]['suspension']['reason'] == 'listed' and s[1]['suspension']['until'] == 0
    assert 'suspended since' in suite.tool('queue', 'sources', 'turns').stdout
    send(suite, 'not theirs', SENDER, 'x@a.test')
    arrives(suite, hosts, 'not theirs')
    assert hosts.taken('none left') == []
    suite.tool('queue', 'resume', '--source', 'out2')
    assert arrives(suite, hosts, 'none left') == [(SOURCES['out2'], 'out2.example.test')]
    suite.tool('queue', 'resume', '--source', 'out1')
    assert suite.tool('queue', 'suspended').stdout == ''
    assert suite.tool('queue', 'suspend', '--source', 'nobody', check=False).returncode == 65


def test_never_from_elsewhere(suite, hosts):
    """An address that the host does not have, or not of that kind; a pool that there is not: it waits, and says why."""
    assert {e['fields']['address'] for e in suite.events('remote-source-missing')} == {GONE}
    send(suite, 'gone', 'x@gone.test', 'gone@a.test')
    assert GONE in deferred(suite, 'gone@a.test')['status'] and 'source gone cannot be used' in deferred(suite, 'gone@a.test')['status']
    send(suite, 'six', 'x@six.test', 'six@a.test')
    assert 'may be used from source six' in deferred(suite, 'six@a.test')['status']
    send(suite, 'missing', 'x@missing.test', 'missing@a.test')
    assert 'nowhere' not in deferred(suite, 'missing@a.test')['status']
    suite.wait_for(lambda: any('no section source_pool' in e['fields']['why'] for e in suite.logged('table-failed')))
    # the destination is not to blame, and the next try has the next turn
    send(suite, 'half', 'x@half.test', 'half@a.test')
    assert arrives(suite, hosts, 'half') == [(SOURCES['out1'], 'out1.example.test')]
    assert hosts.taken('gone') == hosts.taken('six') == hosts.taken('missing') == []
    for to in ('gone', 'six', 'missing'):
        suite.tool('queue', 'delete', '--where', f'rcpt={to}@a.test')


def test_families(suite, hosts):
    """By next hop; a source with both kinds uses what fits; `explain` says what is used, in which order, and by which rule."""
    for family, address, order in (('any', '::1', ['ipv6', 'ipv4']), ('ipv4', '127.0.0.2', ['ipv4', 'ipv6']),
                                   ('ipv4-only', '127.0.0.2', ['ipv4']), ('ipv6-only', '::1', ['ipv6'])):
        send(suite, f'to {family}', 'x@dual.test', f'x@{family}.test')
        assert arrives(suite, hosts, f'to {family}') == [('::1' if address == '::1' else '127.0.1.4', 'dual.example.test')]
        assert [a for a, _ in hosts.taken(f'to {family}')] == [address]
        (hop,) = json.loads(suite.tool('explain', '--json', 'route', SENDER, f'x@{family}.test').stdout.splitlines()[-1])['hops']
        assert hop['families'] == order and [t['address'] for t in hop['tries']] == [{'ipv6': '::1', 'ipv4': '127.0.0.2'}[f] for f in order]
        assert ('inline' in hop['families_rule']) == (family != 'any')
    assert 'families: ipv4 (inline' in suite.tool('explain', 'route', SENDER, 'x@ipv4-only.test').stdout


def test_check(suite, hosts):
    r = suite.tool('config', 'check')
    assert f'source gone: this host does not have the address {GONE}' in r.stderr and '127.0.1.1' not in r.stderr
    for text, complaint in (('source x { address = {"127.0.0.1", "127.0.0.2"} }', 'one IPv4 address, one IPv6 address, or one of each'),
                            ('source x { address = {"0.0.0.0"} }', 'any is none'), ('source_pool x { sources = {} }', '1 to 64 sources'),
                            ('source_pool x { sources = {nobody} }', 'there is no source "nobody"'),
                            ('default_source_pool = nobody', 'there is no source_pool "nobody"')):
        assert complaint in suite.config_fault(text)


def test_explain(suite, hosts):
    def route(*args):
        return [json.loads(l) for l in suite.tool('explain', '--json', 'route', *args).stdout.splitlines()][-1]
    p = route('turns@example.test', 'x@a.test')['source_pool']
    assert p['name'] == 'turns' and 'inline' in p['rule']
    assert [(s['source'], s['addresses'], s['helo']) for s in p['sources']] == [(s, [SOURCES[s]], f'{s}.example.test') for s in ('out1', 'out2')]
    assert route('bulk@example.test', 'x@a.test')['source_pool']['name'] == 'turns'
    assert 'source_pool' not in route(SENDER, 'x@a.test')
    out = suite.tool('explain', 'route', 'turns@example.test', 'x@a.test').stdout
    assert 'source pool: turns (' in out and 'out1: 127.0.1.1, EHLO out1.example.test' in out


def test_reload(suite, hosts):
    """What waits for a pool that a reload takes away waits on, and goes when there is one again."""
    suite.tool('queue', 'suspend', '--source', 'slow')
    send(suite, 'reloaded', SENDER, 'reloaded@sub.b.test')
    deferred(suite, 'reloaded@sub.b.test')
    text = open(suite.conf).read()
    open(suite.conf, 'w').write(text.replace('sources = {slow}', 'sources = {out1}'))
    suite.tool('reload')
    assert arrives(suite, hosts, 'reloaded') == [(SOURCES['out1'], 'out1.example.test')]
