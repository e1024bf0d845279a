"""What servers say that they can do and cannot: found out, kept, shown, set by hand; and never at the price of a TLS policy."""
import json, smtplib, ssl, sys
import pytest
import conftest
from smtp_fault_server import CUT, Hosts

sys.path.insert(0, str(conftest.TESTS))
from certificates import Authority

EXTENSIONS = ['PIPELINING', 'CHUNKING', 'SIZE 1000000', '8BITMIME', 'ENHANCEDSTATUSCODES']
AT = {'bdat.test': '127.0.0.2', 'burst.test': '127.0.0.3', 'hand.test': '127.0.0.4', 'tls.test': '127.0.0.5', 'must.test': '127.0.0.5'}


def LOSES(session):
    """Whatever came together with this command is gone, and it waits for it in vain."""
    if session.input:
        session.input = b''
        session.sock.settimeout(60)
        while session.sock.recv(4096):
            pass
        raise ConnectionError
    return '250 2.1.0 ok'


@pytest.fixture(scope='module')
def hosts(tmp_path_factory):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*Authority(tmp_path_factory.mktemp('quirks')).issue('tls', ['tls.test']))
    h = Hosts({a: {'extensions': EXTENSIONS} for a in set(AT.values()) - {AT['tls.test']}} |
              {AT['tls.test']: {'tls': context}})
    yield h
    assert h.faults() == []
    h.close()


@pytest.fixture(scope='module')
def suite(hosts):
    static = ', '.join(f'"{d}={a}"' for d, a in AT.items())
    conf = f'''minimal_backoff = 1s
maximal_backoff = 1s
remote_command_timeout = 500ms
remote_idle_time = 200ms
remote_tls_plain_time = 1s
remote_tls_policy = {{"inline:{{must.test=encrypt}}"}}
remote_port = {hosts.port}
remote_ports = {{{hosts.port}}}
static_hosts = {{{static}}}
'''
    with conftest.running(conf=conf) as s:
        yield s


def send(suite, subject, to):
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
        s.sendmail('user1@example.test', [to], f'Subject: {subject}\r\n\r\nbody\r\n')


def arrives(suite, hosts, subject):
    return suite.wait_for(lambda: hosts.taken(subject))[0][1]


def quirks(suite):
    return {(q['host'], q['quirk']): q for q in map(json.loads, suite.tool('remote', 'quirks', '--json').stdout.splitlines())}


def test_bdat_that_is_not_known(suite, hosts):
    """Offered and refused: the message goes by DATA at once, and so do all others, also after a restart, until it is deleted."""
    server = hosts.at[AT['bdat.test']]
    server.plan('final', '502 5.5.1 BDAT not implemented')
    send(suite, 'bdat', 'a@bdat.test')
    assert not arrives(suite, hosts, 'bdat').chunked
    assert not suite.events('deferred')
    q = suite.wait_for(lambda: quirks(suite).get((AT['bdat.test'], 'chunking')))
    assert q['found'] and q['reason'] == 'BDAT not implemented' and 6 * 86400 < q['until'] - q['since'] <= 7 * 86400
    suite.stop()
    suite.users = 0
    suite.start()
    assert quirks(suite)[AT['bdat.test'], 'chunking'] == q
    send(suite, 'bdat again', 'a@bdat.test')
    assert not arrives(suite, hosts, 'bdat again').chunked
    assert 'chunking, found out since' in suite.tool('remote', 'quirks').stdout
    suite.tool('remote', 'quirks', 'delete', AT['bdat.test'], 'chunking')
    assert quirks(suite) == {}
    suite.wait_for(lambda: server.open == 0)
    send(suite, 'bdat for good', 'a@bdat.test')
    assert arrives(suite, hosts, 'bdat for good').chunked


def test_refusal_of_a_message_is_no_quirk(suite, hosts):
    hosts.at[AT['bdat.test']].plan('final', '554 5.6.0 not this one')
    send(suite, 'refused', 'a@bdat.test')
    suite.wait_event('bounced', to='a@bdat.test')
    assert quirks(suite) == {}


def test_pipelining_that_loses_commands(suite, hosts):
    """Twice in vain, then a try without that helps: from then on without."""
    server = hosts.at[AT['burst.test']]
    server.plan('mail', LOSES, times=100)
    send(suite, 'burst', 'a@burst.test')
    arrives(suite, hosts, 'burst')
    q = suite.wait_for(lambda: quirks(suite).get((AT['burst.test'], 'pipelining')))
    assert q['found'] and len([e for e in suite.events('deferred') if e['fields']['to'] == 'a@burst.test']) == 2
    suite.wait_for(lambda: server.open == 0)
    before = len(suite.events('deferred'))
    send(suite, 'burst again', 'a@burst.test')
    arrives(suite, hosts, 'burst again')
    assert len(suite.events('deferred')) == before
    server.plans.clear()


def test_by_hand_and_over(suite, hosts):
    suite.tool('remote', 'quirks', 'add', '--for', '2s', '--reason', 'a firewall', 'HAND.test', 'size')
    suite.tool('remote', 'quirks', 'add', 'hand.test', '8bitmime')
    assert quirks(suite)['hand.test', 'size']['reason'] == 'a firewall' and not quirks(suite)['hand.test', 'size']['found']
    send(suite, 'by hand', 'a@hand.test')
    assert 'SIZE' not in arrives(suite, hosts, 'by hand').mail_args
    suite.wait_for(lambda: set(quirks(suite)) & {('hand.test', 'size'), ('hand.test', '8bitmime')} == {('hand.test', '8bitmime')})
    suite.wait_for(lambda: hosts.at[AT['hand.test']].open == 0)
    send(suite, 'by hand later', 'a@hand.test')
    assert 'SIZE' in arrives(suite, hosts, 'by hand later').mail_args
    for bad in (['add', 'hand.test', 'speed'], ['add', 'a b', 'size'], ['add', '--for', 'x', 'hand.test', 'size'], ['add', 'hand.test'], ['what']):
        assert suite.tool('remote', 'quirks', *bad, check=False).returncode == 64
    assert suite.tool('remote', 'quirks', 'delete', 'hand.test', 'dsn', check=False).returncode == 65


def test_tls_that_fails(suite, hosts):
    """Where plain text may be, it is found out; where TLS is demanded, mail goes on to wait for it."""
    server = hosts.at[AT['tls.test']]
    server.plan('starttls', CUT, times=1000)
    learned = lambda: [e['fields'] for e in suite.events('quirk') if e['fields']['quirk'] == 'starttls']
    for i in range(50):
        suite.wait_for(lambda: server.open == 0)
        send(suite, f'tls {i}', 'a@tls.test')
        assert arrives(suite, hosts, f'tls {i}').tls is None
        if learned():
            break
    found, = learned()
    assert found['host'] == AT['tls.test'] and found['found'] == 'yes'
    # not for a week: whoever makes it fail once would listen to all of that
    suite.wait_for(lambda: (AT['tls.test'], 'starttls') not in quirks(suite))
    asked = server.transcript.count(b'STARTTLS')
    for i in range(50):  # the worker's own memory ends a little later
        suite.wait_for(lambda: server.open == 0)
        send(suite, f'tls again {i}', 'a@tls.test')
        assert arrives(suite, hosts, f'tls again {i}').tls is None
        if server.transcript.count(b'STARTTLS') > asked:
            break
    assert server.transcript.count(b'STARTTLS') > asked
    # what an administrator says lasts
    suite.tool('remote', 'quirks', 'add', AT['tls.test'], 'starttls')
    server.plans.clear()
    suite.wait_for(lambda: server.open == 0)
    asked = server.transcript.count(b'STARTTLS')
    send(suite, 'tls later', 'a@tls.test')
    assert arrives(suite, hosts, 'tls later').tls is None and server.transcript.count(b'STARTTLS') == asked
    send(suite, 'must', 'a@must.test')
    assert arrives(suite, hosts, 'must').tls
