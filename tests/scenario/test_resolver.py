"""The resolver against NSD with signed zones, and against a server that lies."""
import json, os, re, signal, smtplib, struct, time
import pytest
import conftest
from dns_server import Liar, Zones, name, record, reply

A, CNAME, PTR, MX, TXT, AAAA, TLSA = 1, 5, 12, 15, 16, 28, 52
HASH = '0123456789abcdef' * 4

SECURE = {
    '@': ['MX 20 b', 'MX 10 a', 'TXT "v=spf1" " -all"'],
    'a': ['A 192.0.2.1', 'AAAA 2001:db8::1'],
    'b': 'A 192.0.2.2',
    'forged': 'A 192.0.2.66',
    'alias': 'CNAME a',
    'outward': 'CNAME www.plain.test.',
    '_25._tcp.a': f'TLSA 3 1 1 {HASH}',
    'huge': [f'TXT "{i:04} {"x" * 200}"' for i in range(60)],
    'thousand': [f'MX {i % 50} host{i:04}' for i in range(1000)],
    '*.wild': 'A 192.0.2.3',
}
PLAIN = {
    '@': 'MX 10 mail',
    'www': 'A 192.0.2.10',
    'inward': 'CNAME a.secure.test.',
    **{f'c{i}': f'CNAME c{i + 1}' for i in range(1, 12)},
    'c12': 'A 192.0.2.12',
    'loop1': 'CNAME loop2',
    'loop2': 'CNAME loop1',
    'dangling': 'CNAME nothing.plain.test.',
    '1.2.0.192.rev': 'PTR odd\\032name.test.',
}


@pytest.fixture(scope='module')
def liar():
    s = Liar()
    yield s
    s.close()


@pytest.fixture(scope='module')
def suite(liar):
    zones = {'.': {}, 'secure.test': SECURE, 'plain.test': PLAIN}
    forge = {'secure.test': lambda t: t.replace('192.0.2.66', '192.0.2.67')}
    with Zones(zones, signed=['.', 'secure.test'], tamper=forge, others={'liar.test': liar.port}) as z:
        conf = z.settings() + 'dns_timeout = 4s\nlog_level = debug\n'
        with conftest.running(conf=conf, users=1) as s:
            yield s


def ask(suite, *args):
    out = suite.tool('explain', 'dns', '--json', *args).stdout
    found = [json.loads(l) for l in out.splitlines()]
    return found[0] if len(found) == 1 else found


def status(suite):
    """The resolver's own counters."""
    rows = [json.loads(l) for l in suite.tool('status', '--json', check=False).stdout.splitlines()]
    return next(r for r in rows if r.get('process') == 'resolver')


# --- what is true

def test_secure(suite):
    mx, a, aaaa = ask(suite, 'secure.test')
    assert (mx['status'], mx['security']) == ('ok', 'secure')
    assert sorted((r['preference'], r['host']) for r in mx['records']) == [(10, 'a.secure.test'), (20, 'b.secure.test')]
    assert (a['status'], a['security']) == ('nodata', 'secure') == (aaaa['status'], aaaa['security'])
    assert 0 < mx['ttl'] <= 300 and 0 < a['ttl'] <= 60
    a, aaaa = ask(suite, 'A.Secure.Test.', 'A', 'AAAA')
    assert a['records'] == ['192.0.2.1'] and aaaa['records'] == ['2001:db8::1']


def test_records(suite):
    assert ask(suite, 'secure.test', 'TXT')['records'] == ['v=spf1 -all']
    tlsa = ask(suite, '_25._tcp.a.secure.test', 'TLSA')
    assert tlsa['records'] == [{'usage': 3, 'selector': 1, 'matching': 1, 'data': HASH}] and tlsa['security'] == 'secure'
    assert ask(suite, 'x.wild.secure.test', 'A')['security'] == 'secure'


def test_insecure(suite):
    a = ask(suite, 'www.plain.test', 'A')
    assert (a['status'], a['security'], a['records']) == ('ok', 'insecure', ['192.0.2.10'])


def test_forged(suite):
    a = ask(suite, 'forged.secure.test', 'A')
    assert (a['status'], a['security'], a['records']) == ('bogus', 'bogus', []) and a['why']
    event = suite.wait_for(lambda: [e for e in suite.logged('dns-bogus') if e['fields']['name'] == 'forged.secure.test'])
    assert event[0]['program'] == 'resolver'


def test_nothing_there(suite):
    a = ask(suite, 'no.secure.test', 'A')
    assert (a['status'], a['security'], a['records']) == ('nxdomain', 'secure', [])
    a = ask(suite, 'no.plain.test', 'MX')
    assert (a['status'], a['security']) == ('nxdomain', 'insecure')
    assert ask(suite, 'dangling.plain.test', 'A')['status'] == 'nxdomain'


def test_aliases(suite):
    a = ask(suite, 'alias.secure.test', 'A')
    assert (a['canonical'], a['security'], a['records']) == ('a.secure.test', 'secure', ['192.0.2.1'])
    # one insecure step makes the whole insecure, in either direction
    assert ask(suite, 'outward.secure.test', 'A')['security'] == 'insecure'
    assert ask(suite, 'inward.plain.test', 'A')['security'] == 'insecure'
    assert ask(suite, 'c5.plain.test', 'A')['records'] == ['192.0.2.12']


def test_aliases_without_an_end(suite):
    assert ask(suite, 'loop1.plain.test', 'A')['status'] in ('temporary', 'malformed')
    a = ask(suite, 'c1.plain.test', 'A')
    assert a['status'] in ('temporary', 'malformed') and a['records'] == []


def test_large_answers_come_by_tcp(suite):
    """Larger than a datagram may be: the server says so, and the resolver asks by TCP."""
    a = ask(suite, 'huge.secure.test', 'TXT')
    assert (a['status'], a['security'], a.get('more')) == ('ok', 'secure', True)
    assert 50 <= len(a['records']) < 60
    a = ask(suite, 'thousand.secure.test', 'MX')
    assert (a['status'], a['security']) == ('ok', 'secure') and 200 <= len(a['records'])


def test_own_test_at_the_start(suite):
    suite.wait_event('dns-test', result='good')
    assert status(suite)['counts']['dns-test-failing'] == 0 and 'DNS' not in suite.tool('status').stdout


# --- what is not

def lie(suite, liar, host, kind, plan):
    liar.plan[f'{host}.liar.test', kind] = plan
    types = {A: 'A', MX: 'MX', TLSA: 'TLSA', PTR: 'PTR', TXT: 'TXT', CNAME: 'CNAME', AAAA: 'AAAA'}
    return ask(suite, f'{host}.liar.test', types[kind])


POINTERS = {
    'itself': lambda q: reply(q, [b'\xc0' + bytes([len(q) - 11]) + struct.pack('!2HIH', A, 1, 60, 4) + b'\1\2\3\4']),
    'forward': lambda q: reply(q, [b'\xc0\xff' + struct.pack('!2HIH', A, 1, 60, 4) + b'\1\2\3\4' + b'\0' * 300]),
    'far': lambda q: reply(q, [b'\xff\xff' + struct.pack('!2HIH', A, 1, 60, 4) + b'\1\2\3\4']),
    'reserved': lambda q: reply(q, [b'\x80\x0c' + struct.pack('!2HIH', A, 1, 60, 4) + b'\1\2\3\4']),
}


@pytest.mark.parametrize('what', POINTERS)
def test_bad_pointers(suite, liar, what):  # 94
    a = lie(suite, liar, f'pointer-{what}', A, POINTERS[what])
    # a pointer forward to a root name is one to the library: then nothing is said of the name
    assert a['status'] in ('temporary', 'malformed') + (('nodata',) if what == 'forward' else ()) and a['records'] == []


@pytest.mark.parametrize('kind,data', [(A, b'\1\2\3'), (A, b'\1\2\3\4\5'), (AAAA, b'\1' * 15), (MX, b'\0'), (MX, b'\0\1'),
                                       (MX, b'\0\1\x05abc'), (TLSA, b''), (TLSA, b'\3'), (TLSA, b'\3\1'), (TLSA, b'\3\1\1'),
                                       (TXT, b''), (TXT, b'\x05ab')])
def test_bad_data(suite, liar, kind, data):  # 95
    host = f'data-{kind}-{data.hex() or "empty"}'
    a = lie(suite, liar, host, kind, lambda q: reply(q, [record(f'{host}.liar.test', kind, data)]))
    assert a['status'] in ('temporary', 'malformed') and a['records'] == []


def test_data_beyond_the_packet(suite, liar):  # 95
    a = lie(suite, liar, 'beyond', A, lambda q: reply(q, [name('beyond.liar.test') + struct.pack('!2HIH', A, 1, 60, 400) + b'\1\2\3\4']))
    assert a['status'] in ('temporary', 'malformed')
    a = lie(suite, liar, 'count', A, lambda q: reply(q, [record('count.liar.test', A, b'\1\2\3\4')], count=2000))
    assert a['status'] in ('temporary', 'malformed')
    a = lie(suite, liar, 'short', A, lambda q: q[:2] + b'\x84\0\0')
    assert a['status'] == 'temporary'


def test_answers_to_other_questions(suite, liar):  # 96
    """Another name, another id, another type: dropped, and the right one behind them is taken."""
    right = lambda q, host: reply(q, [record(f'{host}.liar.test', A, b'\x0a\0\0\1')])
    wrong = record('other.liar.test', A, b'\x0a\0\0\2')
    a = lie(suite, liar, 'name', A, lambda q: reply(q, [wrong]))
    assert a['records'] == [] and a['status'] != 'ok'
    a = lie(suite, liar, 'id', A, lambda q: [reply(q, [record('id.liar.test', A, b'\x0a\0\0\2')], ident=b'\0\0'), right(q, 'id')])
    assert a['records'] == ['10.0.0.1']
    other = name('other.liar.test') + struct.pack('!2H', A, 1)
    a = lie(suite, liar, 'question', A, lambda q: [reply(q, [wrong], question=other), right(q, 'question')])
    assert a['records'] in (['10.0.0.1'], [])
    a = lie(suite, liar, 'type', A, lambda q: reply(q, [record('type.liar.test', TXT, b'\1x')]))
    assert a['records'] == []


def test_hearsay(suite, liar):
    """What an answer says of other names does not become known."""
    poison = [record('www.plain.test', A, b'\x0a\6\6\6'), record('a.secure.test', A, b'\x0a\6\6\6'),
              record('later.liar.test', A, b'\x0a\6\6\6')]
    a = lie(suite, liar, 'gossip', MX, lambda q: reply(q, [record('gossip.liar.test', MX, b'\0\1' + name('www.plain.test'))] + poison, poison))
    assert a['records'] == [{'preference': 1, 'host': 'www.plain.test'}]
    assert ask(suite, 'a.secure.test', 'A')['records'] == ['192.0.2.1']
    assert ask(suite, 'www.plain.test', 'A')['records'] == ['192.0.2.10']


def test_alias_chains(suite, liar):  # 97
    def chain(host, n):
        return lambda q: reply(q, [record(f'{host}.liar.test' if i == 0 else f'{host}{i}.liar.test', CNAME, name(f'{host}{i + 1}.liar.test'))
                                   for i in range(n)] + [record(f'{host}{n}.liar.test', A, b'\x0a\0\0\1')])
    for i in range(1, 20):  # the library asks again at each step
        liar.plan[f'deep{i}.liar.test', A] = lambda q, i=i: reply(q, [record(f'deep{i}.liar.test', CNAME, name(f'deep{i + 1}.liar.test'))])
    a = lie(suite, liar, 'deep', A, chain('deep', 20))
    assert a['status'] in ('temporary', 'malformed') and a['records'] == []
    a = lie(suite, liar, 'round', A, lambda q: reply(q, [record('round.liar.test', CNAME, name('round.liar.test'))]))
    assert a['status'] in ('temporary', 'malformed')


@pytest.mark.parametrize('rcode', [1, 2, 4, 5, 9])
def test_failures_of_servers(suite, liar, rcode):  # 100
    assert lie(suite, liar, f'code{rcode}', MX, lambda q: reply(q, rcode=rcode))['status'] == 'temporary'


def test_silence(suite, liar):  # 100
    began = time.monotonic()
    assert lie(suite, liar, 'silent', MX, lambda q: None)['status'] == 'temporary'
    assert time.monotonic() - began < 10
    # others do not wait for it
    assert ask(suite, 'b.secure.test', 'A')['records'] == ['192.0.2.2']


def test_silence_is_waited_for_once(new_suite, liar):
    """The queue asks for the hosts of a domain, and deliver-remote again: the second hears at once that there is no answer."""
    liar.plan['silent.example', MX] = lambda q: None
    s = new_suite(users=0, conf=forwarding(liar, 'dns_validation = no\n').replace('4s', '2s'))
    with smtplib.SMTP(s.host, s.smtp_port, timeout=20) as c:
        c.sendmail('a@client.example', ['a@silent.example'], 'Subject: x\r\n\r\nx\r\n')
    (e,) = s.wait_event('deferred')
    assert 'no answer a moment ago' in e['fields']['status']
    assert len([e for e in s.events('dns-timeout') if e['fields']['name'] == 'silent.example']) == 1


@pytest.mark.parametrize('odd', [b'\x03a b\x04test\0', b'\x03a\nb\x04test\0', b'\x03a\0b\x04test\0', b'\x03a;b\x04test\0'])
def test_names_that_no_host_has(suite, liar, odd):  # 101
    host = f'odd-{odd[1:4].hex()}'
    assert lie(suite, liar, host, PTR, lambda q: reply(q, [record(f'{host}.liar.test', PTR, odd)]))['records'] == []
    assert lie(suite, liar, host, MX, lambda q: reply(q, [record(f'{host}.liar.test', MX, b'\0\1' + odd)]))['records'] == []


def test_the_bit_of_others_is_not_believed(suite, liar):  # 102
    a = lie(suite, liar, 'ad', A, lambda q: reply(q, [record('ad.liar.test', A, b'\x0a\0\0\1')], flags=0x84a0))
    assert (a['status'], a['security']) == ('ok', 'insecure')


# --- forwarders

def forwarding(liar, more=''):
    """Settings for a resolver that asks the liar everything."""
    return f'dns_forwarders = {{"[127.0.0.1]:{liar.port}"}}\ndns_ports = {{{liar.port}}}\ndns_timeout = 4s\n' + more


def test_forwarder(new_suite, liar):
    suite = new_suite(users=0, conf=forwarding(liar, 'dns_validation = no\n'))
    liar.plan['www.forward.test', A] = lambda q: reply(q, [record('www.forward.test', A, b'\x0a\0\0\7')], flags=0x8180)
    liar.plan['1.2.0.192.in-addr.arpa', PTR] = lambda q: reply(
        q, [record('1.2.0.192.in-addr.arpa', PTR, name('inside.forward.test'))], flags=0x8180)
    # "test" is one of the names that nobody is asked for unless a zone says so; others are
    liar.plan['www.forward.example', A] = lambda q: reply(q, [record('www.forward.example', A, b'\x0a\0\0\7')], flags=0x8180)
    a = ask(suite, 'www.forward.example', 'A')
    assert (a['status'], a['security'], a['records']) == ('ok', 'indeterminate', ['10.0.0.7'])
    assert ask(suite, 'www.forward.test', 'A')['status'] == 'nxdomain' and ('www.forward.test', A) not in liar.asked
    # it may know private reverse zones
    assert ask(suite, '192.0.2.1')['records'] == ['inside.forward.test']


def test_the_word_of_a_forwarder_is_not_believed(new_suite, liar):  # 102
    """It says that all is authentic, and has no signature to show for it."""
    suite = new_suite(users=0, conf=forwarding(liar))
    liar.plan['www.forward.example', A] = lambda q: reply(q, [record('www.forward.example', A, b'\x0a\0\0\7')], flags=0x81a0)
    a = ask(suite, 'www.forward.example', 'A')
    assert a['status'] in ('bogus', 'temporary') and a['security'] != 'secure' and a['records'] == []


def test_a_forwarder_without_signatures_shows(new_suite, liar):
    """All mail for other hosts waits then: whoever looks at the state is told, and where to read on."""
    suite = new_suite(users=0, conf=forwarding(liar))
    suite.wait_event('dns-test', result='bogus')
    assert 'resolver: DNS fails its test' in suite.tool('status').stdout
    counts = status(suite)['counts']
    assert (counts['dns-test-failing'], counts['dns-test-good']) == (1, 0)


def test_forwarders_of_zones(new_suite, liar):
    """Asked as resolvers are, for names of their zones alone; servers of stub zones are not asked to recurse."""
    other, seen = Liar(), []

    def answer(q):
        seen.append(bool(q[2] & 1))
        return reply(q, [record(Liar.question(q)[0], A, b'\xc0\0\2\7')], flags=0x8180 if seen[-1] else 0x8400)

    try:
        for s, zones in ((liar, ['one.test', 'two.test']), (other, ['stub.test'])):
            for z in zones:
                s.plan['www.' + z, A] = answer
        suite = new_suite(users=0, conf=f'''
dns_zone_forwarders = {{"one.test=[127.0.0.1]:{liar.port}", "two.test=[127.0.0.1]:{liar.port}"}}
dns_stub_zones = {{"stub.test=[127.0.0.1]:{other.port}"}}
dns_ports = {{{liar.port}, {other.port}}}
dns_validation = no
dns_timeout = 4s
''')
        for z, recursion in (('one.test', True), ('two.test', True), ('stub.test', False)):
            seen.clear()
            assert ask(suite, f'www.{z}', 'A')['records'] == ['192.0.2.7']
            assert set(seen) == {recursion}
        assert not [n for n, _ in liar.asked if n.endswith('stub.test')]
        assert not [n for n, _ in other.asked if n.endswith(('one.test', 'two.test'))]
    finally:
        other.close()


# --- the process

def test_starts_again(new_suite):
    suite = new_suite(users=0)
    pid = status(suite)['pid']
    os.kill(pid, signal.SIGKILL)
    suite.wait_for(lambda: status(suite).get('pid') not in (None, pid) and status(suite)['state'] == 'ready')
    assert ask(suite, 'localhost', 'A')['records'] == ['127.0.0.1']
    # this death was expected; a fresh start has nothing to complain about
    suite.stop()
    suite.start()


@pytest.mark.parametrize('line,word', [('dns_forwarders = {"mail.example"}', 'no address'), ('dns_stub_zones = {"x.test"}', 'zone=server'),
                                       ('dns_trust_anchors = {". IN DS x"}', 'trust anchor')])
def test_bad_settings_do_not_get_in(suite, line, word):
    conf = suite.top / 'thurn.conf'
    good = conf.read_text()
    setting = line.partition(' ')[0]
    try:
        conf.write_text(re.sub(f'^{setting} .*\n', '', good, flags=re.M) + line + '\n')
        out = suite.tool('reload', check=False)
        assert out.returncode != 0 and word in out.stdout + out.stderr
        assert ask(suite, 'a.secure.test', 'A')['security'] == 'secure'
    finally:
        conf.write_text(good)
