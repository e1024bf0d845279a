"""Names of clients by DNS, confirmed forward; rules that name them; DNS lists and their own tests."""
import json, smtplib, time
import pytest
import conftest
from dns_server import Liar, Zones, reply

TRUSTED = '198.51.100.7'
REVERSE = {
    '10': 'PTR good.client.test.', '11': 'PTR liar.client.test.', '12': ['PTR other.client.test.', 'PTR second.client.test.'],
    '13': 'PTR odd\\032name.client.test.', '20': 'PTR a.bad.client.test.', '50': 'PTR listed.client.test.', '51': 'PTR friend.client.test.',
    '52': 'PTR coded.client.test.',
}
CLIENT = {
    'good': 'A 192.0.2.10', 'liar': 'A 192.0.2.99', 'other': 'A 192.0.2.98', 'second': ['A 192.0.2.1', 'A 192.0.2.12'],
    'a.bad': 'A 192.0.2.20', 'listed': 'A 192.0.2.50', 'friend': 'A 192.0.2.51', 'coded': 'A 192.0.2.52',
}
LIST = {
    '2.0.0.127': 'A 127.0.0.2', '50.2.0.192': ['A 127.0.0.4', 'TXT "ask us why"'], '51.2.0.192': 'A 127.0.0.4',
    '52.2.0.192': 'A 127.0.0.9', '7.100.51.198': 'A 127.0.0.4',
}
LISTS = {'list.test': LIST, 'all.test': {'*': 'A 127.0.0.2'}, 'closed.test': {'*': 'A 127.255.255.254'}, 'empty.test': {'x': 'A 127.0.0.2'}}
SILENT = '113.0.203.in-addr.arpa'


@pytest.fixture(scope='module')
def liar():
    s = Liar()
    yield s
    s.close()


@pytest.fixture(scope='module')
def zones(liar):
    with Zones({'.': {}, '2.0.192.in-addr.arpa': REVERSE, 'client.test': CLIENT, **LISTS}, others={SILENT: liar.port}) as z:
        yield z


def settings(zones, more):
    return zones.settings() + f'''
dns_validation = no
dns_timeout = 2s
trusted_networks = {{"198.51.100.0/24"}}
smtp_xclient_networks = {{"127.0.0.0/8"}}
client_access = {{"inline:{{friend.client.test=OK, {{.bad.client.test=REJECT not from there}}}}"}}
''' + more


@pytest.fixture(scope='module')
def suite(zones):
    lists = 'dns_lists = {"all.test", "closed.test", "empty.test", "list.test=127.0.0.2,127.0.0.4"}\n'
    with conftest.running(conf=settings(zones, lists), users=1) as s:
        s.wait_for(lambda: {e['fields']['list'] for e in s.logged('dns-list-off')} == {'all.test', 'closed.test', 'empty.test'}
                   and s.logged('dns-list-on'))
        yield s


@pytest.fixture(scope='module')
def strict(zones):
    with conftest.running(conf=settings(zones, 'reject_unknown_clients = confirmed\n'), users=1) as s:
        yield s


def mail(suite, client, subject):
    """(code, text) that the recipient of a message from that client is answered with."""
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
        s.ehlo()
        assert s.docmd('XCLIENT', f'ADDR={client} NAME=forged.test')[0] == 220
        s.ehlo('client.example')
        s.mail('a@client.example')
        code, text = s.rcpt(suite.accounts[0]['address'])
        if code == 250:
            assert s.data(f'Subject: {subject}\r\n\r\nx\r\n')[0] == 250
        return code, text.decode()


def trace_of(suite, subject):
    """The Received field of that message."""
    def look():
        for f in suite.messages(0):
            text = f.read_text()
            if f'\nSubject: {subject}\n' in text:
                return text.partition('Received: ')[2].partition('\nSubject')[0]
    return suite.wait_for(look)


def accepted(suite, client):
    return suite.wait_event('mail-accepted', client=client)[0]['fields']


@pytest.mark.parametrize('client,name', [('192.0.2.10', 'good.client.test'), ('192.0.2.12', 'second.client.test')])
def test_confirmed(suite, client, name):
    assert mail(suite, client, f'from {client}')[0] == 250
    assert f'from client.example ({name} [{client}])' in trace_of(suite, f'from {client}')
    assert accepted(suite, client)['client_name'] == name


@pytest.mark.parametrize('client', ['192.0.2.11', '192.0.2.13', '192.0.2.200'])
def test_not_confirmed(suite, client):
    """It leads elsewhere, is no name, or is not there."""
    assert mail(suite, client, f'from {client}')[0] == 250
    assert f'from client.example ([{client}])' in trace_of(suite, f'from {client}')
    assert not accepted(suite, client).get('client_name')


def test_local_clients_have_a_name(suite):
    suite.send('from here')
    assert '(localhost [127.0.0.1])' in trace_of(suite, 'from here')


def test_rules_by_name(suite):
    code, text = mail(suite, '192.0.2.20', 'bad')
    assert code == 554 and 'not from there' in text
    e = suite.wait_event('rcpt-refused', client='192.0.2.20')[0]['fields']
    assert e['client_name'] == 'a.bad.client.test' and 'inline' in e['rule']


def test_listed(suite):
    code, text = mail(suite, '192.0.2.50', 'listed')
    assert code == 554 and '5.7.1' in text and 'list.test (127.0.0.4): ask us why' in text
    # a rule lets it in; its code does not count; it is one of ours
    assert mail(suite, '192.0.2.51', 'friend')[0] == 250
    assert mail(suite, '192.0.2.52', 'other code')[0] == 250
    assert mail(suite, TRUSTED, 'trusted')[0] == 250


def test_lists_that_fail_their_test_are_off(suite):
    why = {e['fields']['list']: e['fields']['why'] for e in suite.events('dns-list-off')}
    assert 'everybody' in why['all.test'] and '127.255.255' in why['closed.test'] and '127.0.0.2 is not on it' in why['empty.test']
    assert [e['fields']['list'] for e in suite.events('dns-list-on')] == ['list.test']
    assert 'resolver: some DNS lists fail their test' in suite.tool('status').stdout


def test_what_the_resolver_counts(suite):
    rows = [json.loads(l) for l in suite.tool('status', '--json').stdout.splitlines()]
    counts = next(r['counts'] for r in rows if r.get('process') == 'resolver')
    assert (counts['dns-list.list.test'], counts['dns-list.all.test'], counts['dns-list.closed.test']) == (1, 0, 0)
    assert counts['clients'] > 0 and counts['dns-test-good'] == 1 and counts['dns-lists-off'] == 3


def test_silence_does_not_hold_up_the_greeting(suite, liar):
    for i in range(256):
        liar.plan[f'{i}.{SILENT}', 12] = lambda q: None
    began = time.monotonic()
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
        s.ehlo()
        assert s.docmd('XCLIENT', 'ADDR=203.0.113.5')[0] == 220
        s.ehlo('client.example')
        assert s.mail('a@client.example')[0] == 250
        assert time.monotonic() - began < 1.5
        assert s.rcpt(suite.accounts[0]['address'])[0] == 250  # waits, but not for long
        assert time.monotonic() - began < 8


@pytest.mark.parametrize('client,code,text', [('192.0.2.10', 250, ''), ('192.0.2.11', 550, 'does not lead back'), ('192.0.2.200', 550, 'has no name'),
                                              (TRUSTED, 250, ''), ('203.0.113.9', 450, 'cannot be found')])
def test_unknown_clients(strict, liar, client, code, text):
    liar.plan[f'9.{SILENT}', 12] = lambda q: reply(q, rcode=2)
    got, words = mail(strict, client, f'strict {client}')
    assert got == code and text in words
    if code >= 400:
        assert f'{code // 100}.7.25' in words
