"""Lists of next hops, relays by sender, and the last resort: which servers get what, and what explain says of it."""
import json, smtplib
import pytest
import conftest
from smtp_fault_server import FaultServer

NAMES = ['first', 'second', 'third', 'heavy', 'light', 'smart', 'fallback']


class World:
    def __init__(self):
        self.servers = {n: FaultServer() for n in NAMES}
        with FaultServer() as s:
            self.closed = s.hop  # nobody is there any more

    def configuration(self):
        s = {n: x.hop for n, x in self.servers.items()}
        ports = ', '.join([str(x.port) for x in self.servers.values()] + [self.closed.rsplit(':')[-1]])
        rules = {
            'list.test': f'smtp:{self.closed}, {s["first"]}, {s["second"]}',
            'shared.test': f'smtp:{s["heavy"]} weight=9 | {s["light"]}',
            'all-down.test': f'smtp:{self.closed}',
            'mx.test': 'smtp:nowhere.mx.test',
        }
        return f'''
minimal_backoff = 300s
remote_idle_time = 0s
remote_dead_time = 1s
remote_ports = {{{ports}}}
dns_forwarders = {{"[127.0.0.1]:9"}}
dns_ports = {{53, 9}}
dns_timeout = 200ms
remote_tls = may
transport_maps = {{"texthash:transport"}}
sender_dependent_relayhost_maps = {{"texthash:relays"}}
relayhost = "{s["smart"]}"
fallback_relay = "{self.closed}, {s["fallback"]}"
''', '\n'.join(f'{k} {v}' for k, v in rules.items()) + '\n', f'user1@example.test {s["third"]}\n@other.test DUNNO\n'


@pytest.fixture(scope='module')
def world():
    w = World()
    yield w
    for s in w.servers.values():
        s.close()
    assert [f for s in w.servers.values() for f in s.faults] == []


@pytest.fixture(scope='module')
def suite(world, tmp_path_factory):
    conf, transport, relays = world.configuration()
    top = tmp_path_factory.mktemp('tables')
    for p in (top, top.parent, top.parent.parent):
        p.chmod(0o711)
    (top / 'transport').write_text(transport)
    (top / 'relays').write_text(relays)
    for p in top.iterdir():
        p.chmod(0o644)
    with conftest.running(conf=conf + f'table_directory = "{top}"\n') as s:
        yield s


def send(suite, subject, to, sender='someone@other.test'):
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as c:
        c.sendmail(sender, [to], f'Subject: {subject}\r\n\r\nbody\r\n')


def taken(server, subject):
    return [m for m in server.messages if f'Subject: {subject}\r\n'.encode() in m.data]


def fields(suite, event):
    return [e['fields'] for e in suite.events(event)]


def arrives(suite, world, subject):
    """The names of those who have got it, once one has."""
    return suite.wait_for(lambda: [n for n, s in world.servers.items() if taken(s, subject)])


def test_next_one_when_the_first_is_down(suite, world):
    send(suite, 'down', 'x@list.test')
    assert arrives(suite, world, 'down') == ['first']
    e = suite.wait_for(lambda: fields(suite, 'remote-next-hop'))[0]
    assert e['nexthop'] == world.closed and 'refused' in e['reason']
    # the one that is named first is known to be down: it is not asked for each message
    send(suite, 'down again', 'x@list.test')
    assert arrives(suite, world, 'down again') == ['first']
    done = suite.wait_for(lambda: [e for e in fields(suite, 'delivered') if e.get('to') == 'x@list.test'])
    assert done[0]['tls_policy'] == 'may' and done[0]['tls_rule'].startswith('remote_tls (')


def test_who_is_reached_decides(suite, world):
    """A host that defers the mail is not passed by."""
    world.servers['first'].plan('mail', '450 4.2.0 not now')
    send(suite, 'deferred', 'x@list.test')
    suite.wait_for(lambda: any('not now' in e['status'] for e in fields(suite, 'deferred')))
    assert not taken(world.servers['second'], 'deferred')


def test_weights(suite, world):
    for i in range(40):
        send(suite, f'share {i}', f'x{i}@shared.test')
    for i in range(40):
        assert arrives(suite, world, f'share {i}')[0] in ('heavy', 'light')
    heavy, light = (len([m for m in world.servers[n].messages]) for n in ('heavy', 'light'))
    assert heavy + light == 40 and heavy > light  # 9 to 1: the other way round once in 10**12 runs


def test_relay_by_sender(suite, world):
    send(suite, 'by sender', 'x@elsewhere.test', 'user1@example.test')
    assert arrives(suite, world, 'by sender') == ['third']
    send(suite, 'for all', 'x@elsewhere.test')
    assert arrives(suite, world, 'for all') == ['smart']


def test_last_resort(suite, world):
    """For a domain whose hosts cannot even be found; not for hosts that are named with brackets."""
    send(suite, 'no dns', 'x@mx.test')
    assert arrives(suite, world, 'no dns') == ['fallback']
    send(suite, 'brackets', 'x@all-down.test')
    suite.wait_for(lambda: [e for e in fields(suite, 'deferred') if e['to'] == 'x@all-down.test'])
    assert not taken(world.servers['fallback'], 'brackets')


def test_explained(suite, world):
    def route(sender, to):
        lines = suite.tool('explain', 'route', '--json', sender, to).stdout.splitlines()
        return json.loads(lines[0]), json.loads(lines[-1])

    steps, r = route('someone@other.test', 'x@list.test')
    assert [h['nexthop'] for h in r['hops']] == [world.closed, world.servers['first'].hop, world.servers['second'].hop]
    assert [h['group'] for h in r['hops']] == [0, 1, 2] and 'texthash:transport:1' in r['rule']
    assert all(h['tls']['policy'] == 'may' and h['tries'] for h in r['hops'])
    _, r = route('someone@other.test', 'x@shared.test')
    assert [(h['group'], h['weight']) for h in r['hops']] == [(0, 9), (0, 1)]
    steps, r = route('user1@example.test', 'x@elsewhere.test')
    assert r['hops'][0]['nexthop'] == world.servers['third'].hop and 'texthash:relays:1' in r['rule']
    assert any(s['setting'] == 'sender_dependent_relayhost_maps' and s['result'] == 'found' for s in steps['lookups'])
    text = suite.tool('explain', 'route', 'someone@other.test', 'x@shared.test').stdout
    assert f'next hop {world.servers["heavy"].hop} (group 0, weight 9)' in text


def test_bad_lists_stop_a_reload(new_suite):
    suite = new_suite()
    for line in ('relayhost = "[a] |"', 'fallback_relay = "weight=3 [a]"', 'default_transport = "pigeon:"'):
        conf = open(suite.conf).read()
        open(suite.conf, 'a').write(line + '\n')
        out = suite.tool('reload', check=False)
        assert out.returncode != 0 and line.split()[0] in out.stdout + out.stderr, out
        open(suite.conf, 'w').write(conf)
