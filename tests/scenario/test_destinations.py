"""Destinations: domains with the same hosts are one, sections limit them, administrators suspend them, and `why` says what holds."""
import concurrent.futures, contextlib, json, pathlib, re, smtplib, time
import pytest
import conftest
from dns_server import Liar, Zones
from smtp_fault_server import FaultServer, Hosts

UP = ['127.0.0.2', '127.0.0.3']
WORN = '127.0.0.4'  # one message a connection
ZONE = {
    'up2': f'A {UP[0]}', 'up3': f'A {UP[1]}',
    'one': ['MX 10 up2', 'MX 20 up3'], 'two': ['MX 5 up3', 'MX 5 up2'], 'other': 'MX 10 up2',
    'customer': 'MX 10 up3',
    'paced': 'MX 10 up2', 'stopped': 'MX 10 up3',
    'up4': f'A {WORN}', 'worn': 'MX 10 up4',
}
SENDER = 'user1@example.test'


@pytest.fixture(scope='module')
def hosts():
    h = Hosts({**{a: {} for a in UP}, WORN: {'extensions': ['PIPELINING', 'LIMITS MAILMAX=1']}})
    yield h
    assert h.faults() == []
    h.close()


@pytest.fixture(scope='module')
def suite(hosts):
    with Zones({'.': {}, 'zone.test': ZONE}, signed=['.', 'zone.test']) as z:
        conf = z.settings() + f'''
dns_timeout = 2s
postmaster = "user1@example.test"
minimal_backoff = 1s
maximal_backoff = 2s
remote_port = {hosts.port}
remote_ports = {{{hosts.port}}}
transport_maps = {{"inline:{{routed.zone.test=smtp:[127.0.0.99], lmtp.zone.test=lmtp:[127.0.0.98]}}"}}
destination paced {{
  domains = {{"paced.zone.test"}}
  rate = {{"2 messages/1s"}}
}}
destination provider {{
  hosts = {{"up3.zone.test"}}
  domains = {{".nowhere.test"}}
  concurrency = 3
}}
destination worn {{
  domains = {{"worn.zone.test"}}
  concurrency = 2
}}
destination some {{
  domains = {{"[127.0.0.2]"}}
  together = no
  concurrency = 2
}}
'''
        s = conftest.Suite(conf=conf)
        try:
            s.start()
            yield s
        finally:
            s.close()


def send(suite, subject, *to):
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
        s.sendmail(SENDER, list(to), f'Subject: {subject}\r\n\r\nbody\r\n')


def arrives(suite, hosts, subject, n=1):
    return suite.wait_for(lambda: len(hosts.taken(subject)) >= n and hosts.taken(subject))


def why(suite, name):
    return json.loads(suite.tool('queue', 'why', '--json', name).stdout.splitlines()[0])


def test_groups(suite, hosts):
    """By the set of hosts, whatever their order; a section by all of the hosts; without DNS, the next hop itself."""
    for d in ('one', 'two', 'other', 'customer'):
        send(suite, f'group {d}', f'a@{d}.zone.test')
        arrives(suite, hosts, f'group {d}')
    # up3 is a host of the provider; who names it besides another host has no say in how mail goes there
    assert why(suite, 'one.zone.test')['group'] == why(suite, 'TWO.zone.test')['group'] == 'up2.zone.test,up3.zone.test'
    assert why(suite, 'one.zone.test')['policy'] == 'remote'
    w = why(suite, 'customer.zone.test')
    assert (w['group'], w['policy'], w['cap']) == ('provider', 'provider', 3)
    w = why(suite, 'other.zone.test')
    assert (w['group'], w['policy'], w['cap'], w['limiter']) == ('up2.zone.test', 'remote', 20, 'none')
    assert why(suite, 'a.nowhere.test')['group'] == 'provider'
    w = why(suite, '[127.0.0.2]')
    assert (w['group'], w['policy'], w['cap']) == ('[127.0.0.2]', 'some', 2)
    assert 'limited by: none' in suite.tool('queue', 'why', 'other.zone.test').stdout


def test_rate(suite, hosts):
    """Two a second, of which two at once; what waits says so, and costs no turns of the loop."""
    began = time.monotonic()
    for i in range(6):
        send(suite, 'paced', f'a{i}@paced.zone.test')
    # the others are in the queue, and say what they wait for
    held = suite.wait_for(lambda: (lambda w: w['limiter'] == 'rate' and w)(why(suite, 'paced.zone.test')))
    assert held['rate'] == 'messages' and 0 < held['wait_ms'] <= 500
    arrives(suite, hosts, 'paced', 6)
    assert time.monotonic() - began >= 1.9


def test_suspend(suite, hosts):
    suite.tool('queue', 'suspend', '--for', '1h', '--reason', 'they asked us to', 'Stopped.zone.test')
    send(suite, 'stopped', 'a@stopped.zone.test')
    e = suite.wait_event('deferred', to='a@stopped.zone.test')[0]
    assert 'suspended by the administrator' in e['fields']['status']
    w = suite.wait_for(lambda: (lambda w: w['on_disk']['users'] == 1 and w)(why(suite, 'stopped.zone.test')))
    assert w['limiter'] == 'suspended' and 3500 * 1000 < w['wait_ms'] <= 3600 * 1000
    assert w['suspension']['reason'] == 'they asked us to'
    assert 'they asked us to' in suite.tool('queue', 'why', 'stopped.zone.test').stdout
    # it outlives the process
    suite.stop()
    suite.users = 0  # they are there already
    suite.start()
    (s,) = map(json.loads, suite.tool('queue', 'suspended', '--json').stdout.splitlines())
    assert s['name'] == 'stopped.zone.test' and s['reason'] == 'they asked us to'
    assert 'they asked us to' in suite.tool('queue', 'suspended').stdout
    assert hosts.taken('stopped') == []
    suite.tool('queue', 'resume', 'stopped.zone.test')
    arrives(suite, hosts, 'stopped')
    assert suite.tool('queue', 'suspended').stdout == ''
    assert suite.tool('queue', 'resume', 'stopped.zone.test', check=False).returncode == 65
    assert suite.tool('queue', 'suspend', '--for', 'soon', 'x.test', check=False).returncode == 64


def test_suspension_ends_by_itself(suite, hosts):
    """A whole provider, by the name of its section; what is queued already is put off as well."""
    suite.tool('queue', 'suspend', '--for', '2s', 'provider')
    began = time.monotonic()
    send(suite, 'for a while', 'a@one.zone.test', 'b@customer.zone.test')
    arrives(suite, hosts, 'for a while', 2)
    assert time.monotonic() - began > 1
    assert [e['fields']['name'] for e in suite.events('destination-resumed')][-1] == 'provider'


def test_never_tried_does_not_expire():
    """What an administrator has kept from its destination for longer than a message lives is tried once when that is over."""
    with FaultServer() as server:
        conf = 'minimal_backoff = 1s\nmaximal_backoff = 1s\nqueue_lifetime = 1s\n' \
               f'relayhost = "{server.hop}"\nremote_ports = {{{server.port}}}\n'
        with conftest.running(conf=conf) as s:
            s.tool('queue', 'suspend', server.hop)
            send(s, 'kept', 'a@remote.test')
            s.wait_for(lambda: len(s.logged('deferred')) == 4)
            assert not s.events('expired') and 'suspended by the administrator' in s.events('deferred')[3]['fields']['status']
            s.tool('queue', 'resume', server.hop)
            s.wait_for(lambda: server.messages)


def test_busy_site_is_not_dead(suite):
    """It says 421 to half of them for a while: nothing is suspended, all arrive."""
    with FaultServer() as server:
        conf = f'minimal_backoff = 1s\nmaximal_backoff = 2s\nrelayhost = "{server.hop}"\nremote_ports = {{{server.port}}}\n'
        server.plan('connect', '421 4.7.0 too many connections', times=8)
        with conftest.running(conf=conf) as s:
            for i in range(10):
                send(s, f'busy {i}', f'a{i}@remote.test')
            s.wait_for(lambda: len(server.messages) == 10)
            assert why(s, server.hop)['limiter'] == 'none'
            assert not [e for e in s.events('deferred') if 'suspended' in e['fields']['status']]


def test_what_killed_it(new_suite):
    """A destination that is dead tells of which failure, and so does mail that was never tried for it."""
    down = FaultServer()
    down.close()
    s = new_suite(conf=f'''relayhost = "{down.hop}"
remote_ports = {{{down.port}}}
minimal_backoff = 300s
maximal_backoff = 300s
destination_concurrency_start = 1
''')
    send(s, 'first', 'a@remote.test')
    s.wait_for(lambda: why(s, down.hop)['limiter'] == 'dead')
    w = why(s, down.hop)
    assert 'Connection refused' in w['failure'] and abs(w['failed_at'] - time.time()) < 60
    assert f'failed the last time ' in s.tool('queue', 'why', down.hop).stdout
    send(s, 'second', 'b@remote.test')
    second = s.wait_for(lambda: [e['fields'] for e in s.events('deferred') if e['fields']['to'] == 'b@remote.test'])[0]
    assert second['status'].startswith('451 Deliveries to this destination are suspended after repeated failures, the last: ')
    assert second['status'].endswith(w['failure'])
    with FaultServer(port=down.port):
        s.tool('queue', 'flush')
        s.wait_for(lambda: len(s.events('delivered')) == 2)
    assert 'failure' not in why(s, down.hop)


def test_flush_leaves_nobody_out(new_suite):
    """Those that a dead site has failed itself are called as those that only wait for it are, and tried, too."""
    N = 1500  # more than are kept in memory for one destination
    down = FaultServer()
    down.close()
    s = new_suite(conf=f'''relayhost = "{down.hop}"
remote_ports = {{{down.port}}}
minimal_backoff = 300s
maximal_backoff = 300s
destination_concurrency_start = 20
''')
    one = f'MAIL FROM:<{SENDER}>\r\nRCPT TO:<them@nowhere.test>\r\nBDAT 14 LAST\r\nSubject: x\r\n\r\n'.encode()

    def submit(n):
        with smtplib.SMTP(s.host, s.smtp_port, timeout=60) as c:
            c.ehlo()
            c.sock.sendall(n * one)
            assert {c.getreply()[0] for _ in range(3 * n)} == {250}

    with concurrent.futures.ThreadPoolExecutor(30) as pool:  # they share syncs
        list(pool.map(submit, [N // 30] * 30))
    s.wait_for(lambda: json.loads(s.tool('queue', 'summary', '--json').stdout)['deferred'] == N)
    with FaultServer(port=down.port) as up:
        assert s.tool('queue', 'flush').stdout == f'flush: {N} messages\n'
        s.wait_for(lambda: len(up.messages) == N)


@pytest.mark.parametrize('line,complaint', [
    ('destination_rate = {"5 mails/1m"}', 'is no rate'),
    ('lane_weights = {"users"}', 'is no weight'),
    ('destination d { concurrency = 3 }', 'neither domains nor hosts'),
    ('destination d {\n domains = {"*"}\n rate = {"0 messages/1m"}\n}', 'is no rate'),
])
def test_bad_settings(suite, line, complaint):
    assert complaint in suite.config_fault(line)


def test_retry_by_fault():
    """Two recipients of one message, each with a time of its own; a flush does not wait for either."""
    grey, busy = 'grey@remote.test', 'full@remote.test'
    with FaultServer() as server:
        conf = f'relayhost = "{server.hop}"\nremote_ports = {{{server.port}}}\n' + \
               'retry_times = {"greylisting 2s 60s", "reply 1h"}\n'
        server.refused = {grey: '450 4.2.0 Greylisted, come back soon', busy: '450 4.2.1 not now'}
        with conftest.running(conf=conf) as s:
            send(s, 'by fault', grey, busy)
            s.wait_for(lambda: len(s.logged('deferred')) == 2)
            server.refused = {}
            s.wait_for(lambda: [m.rcpts for m in server.messages] == [[grey]])
            tries = lambda: sum(busy.encode() in l and l.upper().startswith(b'RCPT') for l in server.transcript)
            assert tries() == 1
            s.tool('queue', 'flush')
            s.wait_for(lambda: [m.rcpts for m in server.messages] == [[grey], [busy]])
            assert tries() == 2


def test_a_domain_that_is_routed(suite):
    """What is asked for by its name is what holds for the next hop that its mail goes to."""
    suite.tool('queue', 'suspend', '--for', '1h', '[127.0.0.99]')
    send(suite, 'routed', 'a@routed.zone.test')
    w = suite.wait_for(lambda: (lambda w: w['deferred'] == 1 and w)(why(suite, 'Routed.zone.test')))
    assert (w['destination'], w['domain'], w['limiter']) == ('[127.0.0.99]', 'Routed.zone.test', 'suspended')
    assert w["on_disk"]["users"] == 1 and re.search(r"^inline:.* \(thurn\.conf:\d+\)$", w["rule"])
    text = suite.tool('queue', 'why', 'routed.zone.test').stdout
    assert text.startswith('routed.zone.test goes to [127.0.0.99] (inline:') and text.count('limited by') == 1
    hop = json.loads(suite.tool('explain', 'route', '--json', SENDER, 'b@routed.zone.test').stdout.splitlines()[1])
    assert hop['limits'][0]['deferred'] == 1
    # what holds for a next hop of that name itself is told, too
    suite.tool('queue', 'suspend', '--for', '1h', 'routed.zone.test')
    both = [json.loads(l) for l in suite.tool('queue', 'why', '--json', 'routed.zone.test').stdout.splitlines()]
    assert [(w['destination'], 'domain' in w) for w in both] == [('[127.0.0.99]', True), ('routed.zone.test', False)]
    suite.tool('queue', 'delete', '--where', 'rcpt-domain=routed.zone.test')
    for name in '[127.0.0.99]', 'routed.zone.test':
        suite.tool('queue', 'resume', name)


def test_by_lmtp_alone(suite):
    """A next hop of LMTP has no record of SMTP, by which no mail goes there."""
    w, = [json.loads(l) for l in suite.tool('queue', 'why', '--json', 'lmtp.zone.test').stdout.splitlines()]
    assert (w['destination'], w['transport'], w['limiter']) == ('[127.0.0.98]', 'lmtp', 'none')
    hop = json.loads(suite.tool('explain', 'route', '--json', SENDER, 'b@lmtp.zone.test').stdout.splitlines()[1])
    assert [l['transport'] for l in hop['limits']] == ['lmtp']


def test_a_local_domain(suite):
    """Its mail goes to no next hop of that name: what is told is what holds for mailboxes."""
    w, = [json.loads(l) for l in suite.tool('queue', 'why', '--json', 'example.test').stdout.splitlines()]
    assert (w['destination'], w['transport'], w['policy'], w['limiter']) == ('example.test', 'maildir', 'local', 'none')
    assert 'shortcut' not in w
    text = suite.tool('queue', 'why', 'example.test').stdout
    assert text.startswith('example.test by maildir\n') and 'group:' not in text and 'short cut' not in text


def test_a_local_domain_whose_postmaster_is_elsewhere():
    """Where one address leads says nothing of its domain, but what all of them lead to does."""
    conf = '''virtual_alias_domains = {"old.test"}
virtual_alias_maps = {"inline:{postmaster@example.test=hosts@remote.test, @old.test=@new.test}"}
relayhost = "[127.0.0.97]"
'''
    with conftest.running(conf=conf) as s:
        for domain, told in ('example.test', ('example.test', 'maildir')), ('old.test', ('[127.0.0.97]', 'smtp')):
            w, = [json.loads(l) for l in s.tool('queue', 'why', '--json', domain).stdout.splitlines()]
            assert (w['destination'], w['transport']) == told


def test_cap_counts_connections_that_close(suite, hosts):
    """Whoever has said QUIT is still there: the next connection comes when it is gone."""
    host, most = hosts.at[WORN], []

    def slow(session):
        """Gives another connection every chance to come before this one has gone."""
        until = time.monotonic() + 0.3
        while host.open <= 2 and time.monotonic() < until:
            time.sleep(0.01)
        most.append(host.open)
        return '221 bye'

    host.plan('quit', slow, times=8)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: send(suite, 'worn', f'a{n}@worn.zone.test'), range(8)))
    arrives(suite, hosts, 'worn', 8)
    suite.wait_for(lambda: len(most) == 8)
    assert host.connections == 8 and max(most) <= 2


def test_dns_is_named_while_it_is_asked(new_suite):
    """And not later, when what has failed waits for its next try and nobody knows any more where the destination is."""
    with contextlib.closing(Liar()) as dns:
        dns.plan['silent.test', 15] = lambda q: None
        suite = new_suite(conf=f'''
dns_validation = no
dns_stub_zones = {{"test=[127.0.0.1]:{dns.port}"}}
dns_ports = {{{dns.port}}}
dns_timeout = 3s
minimal_backoff = 300s
''')
        send(suite, 'silent', 'a@silent.test')
        suite.wait_for(lambda: why(suite, 'silent.test')['limiter'] == 'dns')
        suite.wait_for(lambda: suite.logged('deferred'), 40)
        suite.wait_for(lambda: why(suite, 'silent.test')['limiter'] == 'retry')
        conf = pathlib.Path(suite.conf)
        conf.write_text(conf.read_text() + 'destination_concurrency = 7\n')
        suite.tool('reload')  # what DNS has said is looked at anew
        w = suite.wait_for(lambda: (lambda w: w['cap'] == 7 and w)(why(suite, 'silent.test')))
        assert w['limiter'] == 'retry' and w['wait_ms'] > 0
