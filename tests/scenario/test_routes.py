"""Mail that finds its way by DNS: MX records, their hosts on several loopback addresses, and what DNS cannot say."""
import json, pathlib, re, smtplib
import pytest
import conftest
from dns_server import Liar, Zones, name, record, reply
from smtp_fault_server import CLOSE, GARBAGE, Hosts

MX = 15
SENDER = 'user1@example.test'  # ours, so that bounces can be read
UP = ['127.0.0.2', '127.0.0.3', '127.0.0.4']
DOWN = '127.0.0.9'

ZONE = {
    'up2': f'A {UP[0]}', 'up3': f'A {UP[1]}', 'up4': f'A {UP[2]}', 'down': f'A {DOWN}',
    'us': 'A 127.0.0.1', 'both': [f'A {UP[0]}', 'AAAA ::1'],
    'first-down': ['MX 10 down', 'MX 20 up2'],
    'all-down': ['MX 10 down'],
    'quiet': ['MX 10 up2', 'MX 20 up4'],
    'greeting': ['MX 10 up3', 'MX 20 up4'],
    'garbage': ['MX 10 up3', 'MX 20 up4'],
    **{f'equal{i}': ['MX 10 up2', 'MX 10 up3'] for i in range(12)},
    'implicit': f'A {UP[0]}',
    'alias': 'CNAME first-down',
    'mx-alias': 'MX 10 cname', 'cname': 'CNAME up3',
    'scripts': ['MX 10 up3', 'MX 20 up4'], 'no-scripts': ['MX 10 up2', 'MX 20 up3'],
    'null': 'MX 0 .',
    'own-name': ['MX 10 mx.example.test.', 'MX 20 up2'],
    'better': ['MX 5 up4', 'MX 10 mx.example.test.', 'MX 20 up2'],
    'no-address': 'MX 10 nobody',
    'empty': 'TXT "nothing for mail"',
    'forged': 'MX 10 hidden', 'hidden': 'A 192.0.2.66',
    'xn--bcher-kva': 'MX 10 up4',
    'two-families': 'MX 10 both',
    'large': [f'MX {i} up2' if i == 0 else f'MX {i % 50 + 1} h{i}' for i in range(1000)],
}


@pytest.fixture(scope='module')
def hosts():
    h = Hosts({a: {} for a in UP})
    yield h
    assert h.faults() == []
    h.close()


@pytest.fixture(scope='module')
def liar():
    s = Liar()
    yield s
    s.close()


@pytest.fixture(scope='module')
def suite(hosts, liar):
    forge = {'zone.test': lambda t: t.replace('192.0.2.66', '192.0.2.67')}
    with Zones({'.': {}, 'zone.test': ZONE}, signed=['.', 'zone.test'], tamper=forge, others={'liar.test': liar.port}) as z:
        conf = z.settings() + f'''
dns_timeout = 2s
minimal_backoff = 1s
maximal_backoff = 2s
remote_port = {hosts.port}
remote_ports = {{{hosts.port}}}
virtual_alias_maps = {{"texthash:virtual"}}
transport_maps = {{"inline:{{fixed.test=smtp:[{UP[0]}]}}"}}
'''
        s = conftest.Suite(conf=conf)
        (s.top / 'table').mkdir(mode=0o755)
        (s.top / 'table/virtual').write_text('# who is who\nfriends@example.test user1@example.test, a@better.zone.test\n')
        try:
            s.start()
            yield s
        finally:
            s.close()


def send(suite, subject, to, **kw):
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
        s.sendmail(SENDER, [to], f'Subject: {subject}\r\n\r\nbody\r\n', **kw)


def arrives(suite, hosts, subject):
    return suite.wait_for(lambda: hosts.taken(subject))[0]


def deferred(suite, to):
    return suite.wait_event('deferred', to=to)[0]['fields']


def explain(suite, to, sender=SENDER):
    """The lookups on the way, and the routes that come of them."""
    first, *routes = map(json.loads, suite.tool('explain', 'route', '--json', sender, to).stdout.splitlines())
    return first['lookups'], routes


def route(suite, to):
    (only,) = explain(suite, to)[1]
    return only


# --- which host

def test_the_second_host_when_the_first_is_down(suite, hosts):
    send(suite, 'first down', 'a@first-down.zone.test')
    assert arrives(suite, hosts, 'first down')[0] == UP[0]
    e = suite.wait_event('remote-next-address')[0]['fields']
    assert e['relay'] == f'down.zone.test[{DOWN}]:{hosts.port}' and 'refused' in e['reason']
    delivered = suite.wait_event('delivered', to='a@first-down.zone.test')
    assert delivered[0]['fields']['relay'] == f'up2.zone.test[{UP[0]}]:{hosts.port}'


def test_who_was_down_is_tried_last(suite, hosts):
    send(suite, 'once', 'a@first-down.zone.test')
    arrives(suite, hosts, 'once')
    before = len(suite.events('remote-next-address'))
    tries = route(suite, 'a@first-down.zone.test')['hops'][0]['tries']
    assert [t['address'] for t in tries] == [UP[0], DOWN] and 0 < tries[1]['failed_lately_ms'] <= 300000
    # another domain, so a connection of its own
    send(suite, 'again', 'a@alias.zone.test')
    arrives(suite, hosts, 'again')
    assert len(suite.events('remote-next-address')) == before


def test_equal_hosts_share(suite, hosts):
    for i in range(12):
        send(suite, f'equal {i}', f'a@equal{i}.zone.test')
    used = {arrives(suite, hosts, f'equal {i}')[0] for i in range(12)}
    assert used == {UP[0], UP[1]}


def test_a_greeting_that_refuses(suite, hosts):
    hosts.at[UP[1]].plan('connect', '421 4.3.2 not now')
    send(suite, 'greeting', 'a@greeting.zone.test')
    assert arrives(suite, hosts, 'greeting')[0] == UP[2]


def test_a_greeting_that_is_none(suite, hosts):
    """What one host has said is forgotten with its connection: the next takes the mail, at the first try."""
    def ends():
        return [e['event'] for e in suite.events() if e.get('event') in ('delivered', 'deferred', 'bounced', 'report-made')
                and e['fields']['to'] == 'a@garbage.zone.test']
    before = len(ends())
    hosts.at[UP[1]].plan('connect', GARBAGE)
    send(suite, 'garbage', 'a@garbage.zone.test')
    suite.wait_for(lambda: ends()[before:])
    assert ends()[before:] == ['delivered'] and [a for a, _ in hosts.taken('garbage')] == [UP[2]]


def test_a_host_that_does_not_greet(suite, hosts):
    """It is left for the next, and tried after it from then on."""
    hosts.at[UP[0]].plan('connect', CLOSE)
    send(suite, 'no greeting', 'a@quiet.zone.test')
    assert arrives(suite, hosts, 'no greeting')[0] == UP[2]
    tries = route(suite, 'a@quiet.zone.test')['hops'][0]['tries']
    assert [t['address'] for t in tries] == [UP[2], UP[0]] and 'failed_lately_ms' in tries[1]


def test_nobody_is_up(suite):
    send(suite, 'all down', 'a@all-down.zone.test')
    assert 'refused' in deferred(suite, 'a@all-down.zone.test')['status']


@pytest.mark.parametrize('domain,address', [('implicit', UP[0]), ('alias', UP[0]), ('mx-alias', UP[1]), ('better', UP[2]), ('large', UP[0])])
def test_ways(suite, hosts, domain, address):
    send(suite, f'to {domain}', f'a@{domain}.zone.test')
    assert arrives(suite, hosts, f'to {domain}')[0] == address


def test_address_literal(suite, hosts):
    send(suite, 'literal', f'a@[{UP[2]}]')
    address, message = arrives(suite, hosts, 'literal')
    assert address == UP[2] and message.rcpts == [f'a@[{UP[2]}]']


def test_both_families(suite, hosts):
    """Nobody listens at the IPv6 address, which is tried first."""
    tries = route(suite, 'a@two-families.zone.test')['hops'][0]['tries']
    assert [t['address'] for t in tries] == ['::1', UP[0]]
    send(suite, 'families', 'a@two-families.zone.test')
    assert arrives(suite, hosts, 'families')[0] == UP[0]


@pytest.mark.parametrize('domain', ['bücher.zone.test', 'BÜCHER.zone.test', 'xn--bcher-kva.zone.test'])
def test_other_scripts(suite, hosts, domain):
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
        s.ehlo()
        s.mail(SENDER, ['SMTPUTF8'])
        s.sock.sendall(f'RCPT TO:<a@{domain}>\r\n'.encode())
        assert s.getreply()[0] == 250
        s.data(f'Subject: idn {domain.encode().hex()}\r\n\r\nx\r\n')
    address, message = arrives(suite, hosts, f'idn {domain.encode().hex()}')
    assert address == UP[2] and message.rcpts == ['a@xn--bcher-kva.zone.test']


def send_utf8(suite, subject, to):
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
        s.ehlo()
        s.mail(SENDER, ['SMTPUTF8'])
        s.sock.sendall(f'RCPT TO:<{to}>\r\n'.encode())
        assert s.getreply()[0] == 250
        assert s.data(f'Subject: {subject}\r\n\r\nx\r\n'.encode())[0] == 250


def test_a_host_that_takes_utf8(suite, hosts):
    """The first host does not know SMTPUTF8, and is passed over, over a connection that is open, too."""
    hosts.at[UP[2]].extensions.append('SMTPUTF8')
    try:
        send(suite, 'plain', 'a@scripts.zone.test')
        assert arrives(suite, hosts, 'plain')[0] == UP[1]
        send_utf8(suite, 'utf8', 'jürgen@scripts.zone.test')
        address, message = arrives(suite, hosts, 'utf8')
        assert address == UP[2] and message.rcpts == ['jürgen@scripts.zone.test']
    finally:
        hosts.at[UP[2]].extensions.remove('SMTPUTF8')


def test_no_host_takes_utf8(suite):
    send_utf8(suite, 'no utf8', 'jürgen@no-scripts.zone.test')
    assert 'Status: 5.6.7' in suite.bounce('no utf8')


def test_no_host_takes_a_header_in_utf8(suite):
    """The addresses are plain: what needs SMTPUTF8 is told."""
    send_utf8(suite, 'für', 'a@no-scripts.zone.test')
    status = suite.outcome('a@no-scripts.zone.test')['status']
    assert status.startswith('553 the message needs SMTPUTF8 for its header'), status


# --- nowhere

@pytest.mark.parametrize('domain,code,text', [
    ('null.zone.test', '5.1.10', 'takes no mail'), ('gone.zone.test', '5.1.2', 'does not exist'), ('empty.zone.test', '5.1.2', 'neither MX'),
    ('no-address.zone.test', '5.4.4', 'has an address'), ('own-name.zone.test', '5.4.6', 'loops back')])
def test_sent_back_at_once(suite, domain, code, text):
    send(suite, f'back {domain}', f'a@{domain}')
    report = suite.bounce(f'back {domain}')
    assert f'Status: {code}' in report and text in report.replace('\n', ' ')
    failure = route(suite, f'a@{domain}')['hops'][0]['failure']
    assert failure['enhanced'] == code and text in failure['text']


def test_forged_is_not_believed(suite):
    send(suite, 'forged', 'a@forged.zone.test')
    assert 'bogus' in deferred(suite, 'a@forged.zone.test')['status']
    hop = route(suite, 'a@forged.zone.test')['hops'][0]
    assert hop['failure']['code'] == 451 and hop['hosts'][0]['security'] == 'bogus' and hop['tries'] == []


@pytest.mark.parametrize('trouble', ['servfail', 'silence'])
def test_trouble_is_temporary(suite, hosts, liar, trouble):
    """Never a bounce; and delivered when DNS is well again."""
    domain = f'{trouble}.liar.test'
    liar.plan[domain, MX] = (lambda q: reply(q, rcode=2)) if trouble == 'servfail' else (lambda q: None)
    send(suite, f'trouble {trouble}', f'a@{domain}')
    assert deferred(suite, f'a@{domain}')['dsn'] == '4.4.3'
    liar.plan[domain, MX] = lambda q: reply(q, [record(domain, MX, b'\0\1' + name('up2.zone.test'))])
    assert suite.wait_for(lambda: hosts.taken(f'trouble {trouble}'), 60)[0][0] == UP[0]


# --- explained

def test_explained(suite, hosts):
    r = route(suite, 'a@better.zone.test')
    assert (r['transport'], r['nexthop'], r['rule']) == ('smtp', 'better.zone.test', 'default')
    hop = r['hops'][0]
    assert (hop['source'], hop['security'], hop['implicit']) == ('mx', 'secure', False)
    assert [(h['preference'], h['host'], h['usable']) for h in hop['hosts']] == [
        (5, 'up4.zone.test', True), (10, 'mx.example.test', False), (20, 'up2.zone.test', False)]
    assert hop['hosts'][0]['addresses'] == [UP[2]] and hop['hosts'][0]['security'] == 'secure'
    assert hop['tries'] == [{'address': UP[2], 'port': hosts.port, 'host': 'up4.zone.test'}]
    text = suite.tool('explain', 'route', SENDER, 'a@better.zone.test').stdout
    assert 'source address: any' in text
    assert 'left out: mail would come back' in text and f'{UP[2]} port {hosts.port}' in text


@pytest.mark.parametrize('ip, literal', [('2001:db8::1', 'IPv6:2001:DB8::1'), ('192.0.2.1', '192.0.2.1')])
def test_explained_address(suite, hosts, ip, literal):
    """Without a connection: nobody is there."""
    hop, = route(suite, f'a@[{literal}]')['hops']
    assert hop['source'] == 'address' and hop['tries'] == [{'address': ip, 'port': hosts.port, 'host': ip}]


def test_explained_limits(suite):
    """What the queue knows of the destination: nothing, a suspension, a message that waits for its next try."""
    limits, = route(suite, 'a@better.zone.test')['limits']
    assert limits['limiter'] == 'none' and limits['cap'] > 0
    suite.tool('queue', 'suspend', '--for', '1h', '--reason', 'works at the line', 'better.zone.test')
    try:
        limits, = route(suite, 'a@better.zone.test')['limits']
        assert limits['limiter'] == 'suspended' and 0 < limits['wait_ms'] <= 3600000
        text = suite.tool('explain', 'route', SENDER, 'a@better.zone.test').stdout
        assert re.search(r'^      limited by: suspended .*, for \d+\.\d+ s$', text, re.M) and 'works at the line' in text
    finally:
        suite.tool('queue', 'resume', 'better.zone.test')
    send(suite, 'waits', 'b@forged.zone.test')
    deferred(suite, 'b@forged.zone.test')
    limits, = suite.wait_for(lambda: [l for l in route(suite, 'b@forged.zone.test')['limits'] if l.get('next_try')])
    assert limits['deferred'] >= 1 and limits['next_try'] > 0
    # of a mailbox there is nothing to tell
    assert 'limits' not in route(suite, suite.accounts[0]['address'])


def test_explained_by_a_candidate(suite, hosts):
    """Another configuration decides, by the same program; the running suite goes on as it was, and is asked what it knows."""
    candidate = pathlib.Path(suite.top) / 'candidate.conf'
    lines = [l for l in pathlib.Path(suite.conf).read_text().splitlines() if not l.startswith('transport_maps')]
    candidate.write_text('\n'.join([*lines, f'transport_maps = {{"inline:{{better.zone.test=smtp:[{UP[1]}]}}"}}', 'remote_tls = encrypt\n']))
    generation = lambda: [json.loads(l)['generation'] for l in suite.tool('status', '--json').stdout.splitlines() if '"master"' in l]
    before = generation()

    def explain_it(to, *options, conf=suite.conf, check=True):
        r = suite.tool('-c', str(conf), 'explain', 'route', '--json', '--config', str(candidate), *options, SENDER, to, check=check)
        return [json.loads(l) for l in r.stdout.splitlines()], r
    (first, r), _ = explain_it('a@better.zone.test')
    assert r['nexthop'] == f'[{UP[1]}]' and r['rule'].startswith('inline:{better') and r['limits'][0]['limiter'] == 'none'
    assert [t['address'] for t in r['hops'][0]['tries']] == [UP[1]] and r['hops'][0]['tls']['policy'] == 'encrypt'
    assert route(suite, 'a@better.zone.test')['nexthop'] == 'better.zone.test'
    # accounts are the running suite's
    (first, r), _ = explain_it(suite.accounts[0]['address'])
    assert r['transport'] == 'mailbox' and r['uid'] == route(suite, suite.accounts[0]['address'])['uid']
    assert [l['rule'] for l in first['lookups'] if l['setting'] == 'mailbox_domains'][0].startswith('candidate.conf:')
    (first, r), _ = explain_it('nobody@example.test')
    assert r['failure']['enhanced'] == '5.1.1'
    assert generation() == before
    # without a suite, there is no DNS, and there are no accounts
    away = pathlib.Path(suite.top) / 'away.conf'
    away.write_text(re.sub('(?m)^run_directory.*', f'run_directory = "{suite.top}/nothing"', pathlib.Path(suite.conf).read_text()))
    (first, r), _ = explain_it('a@better.zone.test', conf=away)
    assert r['nexthop'] == f'[{UP[1]}]' and 'hops' not in r and 'limits' not in r
    (first, r), _ = explain_it(suite.accounts[0]['address'], conf=away)
    assert r['failure']['code'] // 100 == 4
    # what does not hold is told
    candidate.write_text('\n'.join([*lines, 'transport_maps = {"hash:missing"}\n']))
    _, r = explain_it('a@better.zone.test', check=False)
    assert r.returncode == 78 and 'missing' in r.stderr
    candidate.write_text('nonsense = 1\n')
    _, r = explain_it('a@better.zone.test', check=False)
    assert r.returncode == 78 and 'candidate.conf:1: there is no setting "nonsense"' in r.stderr


def test_explained_lookups(suite):
    lookups, routes = explain(suite, 'friends@example.test')
    assert [(r['recipient'], r['transport']) for r in routes] == [('user1@example.test', 'mailbox'), ('a@better.zone.test', 'smtp')]
    by = {(l['setting'], l['key']): l for l in lookups}
    alias = by['virtual_alias_maps', 'friends@example.test']
    assert alias['result'] == 'found' and 'virtual:2' in alias['rule'] and 'a@better.zone.test' in alias['value']
    assert by['mailbox_domains', 'example.test']['rule'].startswith('thurn.conf:')
    assert by['accounts', 'user1@example.test']['result'] == 'found'
    assert by['transport_maps', 'better.zone.test']['result'] == 'none'
    assert route(suite, 'x@fixed.test')['nexthop'] == f'[{UP[0]}]'
    text = suite.tool('explain', 'route', '', 'friends@example.test').stdout
    assert re.search(r'virtual_alias_maps "friends@example.test": found in .*virtual:2: user1', text)


def test_own_addresses_are_known(suite):
    assert suite.events('remote-no-interfaces') == []


def test_explained_bounds(suite):
    hop = route(suite, 'a@large.zone.test')['hops'][0]
    assert len(hop['hosts']) == 100 and len(hop['tries']) <= 20
    assert len([h for h in hop['hosts'] if h['status'] != 'not-asked']) == 20


def test_explained_without_dns(suite):
    r = route(suite, suite.accounts[0]['address'])
    assert r['transport'] == 'mailbox' and 'thurn.conf:' in r['rule'] and 'hops' not in r
    assert route(suite, 'nobody@example.test')['failure']['enhanced'] == '5.1.1'
    out = suite.tool('explain', 'route', SENDER, 'not an address', check=False)
    assert out.returncode == 64 and 'not an address' in out.stderr


def test_without_the_resolver(new_suite):
    """It is gone: nothing is lost, nothing is returned."""
    import os, signal
    s = new_suite(users=1, conf='minimal_backoff = 1s\n')
    rows = [json.loads(l) for l in s.tool('status', '--json').stdout.splitlines()]
    pid = next(r['pid'] for r in rows if r.get('process') == 'resolver')
    os.kill(pid, signal.SIGSTOP)
    try:
        send(s, 'no dns', 'a@anything.test')
        send(s, 'local', s.accounts[0]['address'])
        s.wait_for(lambda: s.messages(0))  # others do not wait
    finally:
        os.kill(pid, signal.SIGCONT)
